"""What a group tells of replicas that nobody taught."""

from __future__ import annotations

from typing import Any

import pytest

from components.train.group.outcome import untaught


def replica(index: int, end: str = "finished", steps: int = 1000, **more: Any) -> dict[str, Any]:
    return {"index": index, "end": end, "steps": steps, "steps_planned": 1000, "teaching_steps": 0, **more}


FAILS = {"publications_failed": 2, "looks_failed": 1, "publications_written": 4}
WORKS = {"publications_failed": 0, "looks_failed": 0}


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        ([replica(0), replica(1, exchange=WORKS)], "lower `train.codistillation.exchange_every_steps`"),
        ([replica(0, exchange=WORKS), replica(1, exchange=FAILS)], "written or looked for 3 times"),
        ([replica(0), replica(1, "lost", exchange=None)], "only one finished"),
        ([replica(0), replica(1, "refused", steps=0)], "only one finished"),
        ([replica(0, steps=90), replica(1, steps=100)], "lower `train.codistillation.burn_in`"),
        ([replica(0, steps=90), replica(1, steps=101)], "exchange_every_steps"),
    ],
)
def test_why_nobody_was_taught_is_told_with_what_to_do(replicas: list[dict[str, Any]], expected: str) -> None:
    assert expected in str(untaught(replicas, 0.1))


def test_a_group_in_which_one_was_taught_says_nothing() -> None:
    assert untaught([replica(0, teaching_steps=5), replica(1, "lost", exchange=FAILS)], 0.1) is None
