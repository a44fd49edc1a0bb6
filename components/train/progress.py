"""Where the progress of training goes: set by whoever shows it, a log line now and then otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trainer.loop import Heartbeat, Progress

_receivers: list[Progress] = []


def current() -> Progress:
    """The receiver set last, or a heartbeat in the log."""
    return _receivers[-1] if _receivers else Heartbeat()


@contextmanager
def shown_by(receiver: Progress) -> Iterator[None]:
    """Sends the progress of trainings in this process to `receiver` while the block runs."""
    _receivers.append(receiver)
    try:
        yield
    finally:
        _receivers.remove(receiver)
