"""An interrupt is raised where it arrives, and at the end if it was swallowed there."""

from __future__ import annotations

import signal
import threading

import pytest

from pipeline.local.interrupts import kept


def interrupted(swallow: bool, told: list[str]) -> None:
    with kept():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not swallow:
                raise
            told.append("swallowed")
        told.append("went on")


@pytest.mark.parametrize(("swallow", "expected"), [(True, ["swallowed", "went on"]), (False, [])])
def test_an_interrupt_is_raised_where_it_arrives_or_at_the_end(swallow: bool, expected: list[str]) -> None:
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(swallow, told)
    assert told == expected
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_and_in_other_threads_nothing_happens() -> None:
    def inside() -> None:
        with kept():
            done.append(1)

    done: list[int] = []
    inside()
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert done == [1, 1]
