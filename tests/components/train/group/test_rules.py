"""When a replica is started again, stopped or given up, and when a group has ended; no process runs."""

from __future__ import annotations

import pytest

from components.train.group.launcher import State
from components.train.group.rules import Action, Seen, deadline_seconds, decide, is_over, pause_seconds
from trainer.spec import LaunchSpec

LAUNCH = LaunchSpec(restarts=3, stall_seconds=60.0)
RUNS, WAITS, DONE = State("running"), State("waiting"), State("finished", 0)
KILLED = State("failed", reason="killed")


@pytest.mark.parametrize(
    ("state", "restarts", "quiet", "failed", "whole", "action"),
    [
        (WAITS, 0, 10_000.0, 0.0, False, "none"),
        (RUNS, 0, 59.9, 0.0, False, "none"),
        (RUNS, 0, 60.0, 0.0, False, "stop"),
        (RUNS, 3, 60.0, 0.0, False, "stop"),
        (DONE, 0, 0.0, 0.0, True, "finish"),
        # With a result that was written before it was killed, or by one that does not end.
        (KILLED, 3, 0.0, 0.0, True, "finish"),
        (State("failed", 2), 0, 0.0, 0.0, True, "finish"),
        (WAITS, 0, 0.0, 0.0, True, "finish"),
        (RUNS, 0, 59.9, 0.0, True, "none"),
        (RUNS, 0, 60.0, 0.0, True, "finish"),
        (DONE, 0, 0.0, 0.9, False, "none"),
        (DONE, 0, 0.0, 1.0, False, "start"),
        (DONE, 3, 0.0, 1.0, False, "lose"),
        (KILLED, 0, 0.0, 1.0, False, "start"),
        (KILLED, 1, 0.0, 1.9, False, "none"),
        (KILLED, 1, 0.0, 2.0, False, "start"),
        (KILLED, 2, 0.0, 4.0, False, "start"),
        (KILLED, 3, 0.0, 0.0, False, "lose"),
        (State("failed", 1), 0, 0.0, 1.0, False, "start"),
        (State("failed", 2), 0, 0.0, 0.0, False, "refuse"),
        (State("failed", 2), 3, 0.0, 0.0, False, "refuse"),
        (State("failed", 1, restarts=3), 0, 0.0, 9.0, False, "lose"),
        (State("failed", 1, restarts=1), 1, 0.0, 4.0, False, "start"),
        (State("failed", 1, final=True), 0, 0.0, 9.0, False, "lose"),
    ],
)
def test_what_is_done_with_a_replica(
    state: State, restarts: int, quiet: float, failed: float, whole: bool, action: Action
) -> None:
    assert decide(Seen(state, restarts, quiet, failed, whole), LAUNCH) == action


def test_no_restart_means_that_the_first_failure_is_the_last() -> None:
    seen = Seen(KILLED, 0, 0.0, 99.0, False)
    assert decide(seen, LaunchSpec(restarts=0)) == "lose"


def test_pauses_grow_but_not_for_ever() -> None:
    pauses = [pause_seconds(restarts) for restarts in range(12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], max(pauses), pause_seconds(10_000)) == (1.0, 30.0, 30.0)


@pytest.mark.parametrize(
    ("finished_at", "took", "planned", "patience", "ran_at", "deadline"),
    [
        (100.0, 100.0, 100.0, 0.5, 0.0, 150.0),
        # It stopped at a fifth of its steps.
        (20.0, 20.0, 100.0, 0.5, 0.0, 150.0),
        (20.0, 20.0, 100.0, 0.0, 0.0, 100.0),
        # Trained for an hour before the group was interrupted, and only exported in this run.
        (20.0, 3600.0, 3600.0, 0.25, 0.0, 920.0),
        (100.0, 90.0, 90.0, 0.0, 0.0, 100.0),
        # All of them stood in a queue first.
        (5000.0, 100.0, 100.0, 0.5, 4900.0, 5050.0),
        # It had finished before the group was interrupted; the others are in a queue, and then run.
        (0.0, 100.0, 100.0, 0.5, None, None),
        (0.0, 100.0, 100.0, 0.5, 7000.0, 7050.0),
    ],
)
def test_patience_is_a_share_of_the_time_of_the_first_one_from_when_another_runs(
    finished_at: float,
    took: float,
    planned: float,
    patience: float,
    ran_at: float | None,
    deadline: float | None,
) -> None:
    assert deadline_seconds(finished_at, took, planned, patience, ran_at) == deadline


def test_a_group_waits_for_the_first_that_finishes_however_long_it_takes() -> None:
    assert not is_over([0, 1], 1e9, None)
    assert not is_over([1], 149.9, 150.0)
    assert is_over([1], 150.0, 150.0)
    assert is_over([], 0.0, None)
