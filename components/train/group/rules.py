"""When a replica is started again or stopped, and when a group has ended: pure rules, no process."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Literal, TypeAlias

from components.train.group.launcher import State
from trainer.spec import LaunchSpec

REFUSED = 2
"""Exit status of a training whose config or data cannot be used: another attempt would end the same way."""

_LONGEST_PAUSE_SECONDS = 30.0

Action: TypeAlias = Literal["none", "finish", "stop", "start", "refuse", "lose"]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is known of a replica that has not ended.

    Args:
        state: as the launcher tells it.
        restarts: int. Restarts so far that the group itself made.
        quiet_seconds: float. Since it was started or last told of progress.
        failed_seconds: float. Since its failure was seen; 0 while it runs.
        whole: whether its result can be read.
    """

    state: State
    restarts: int
    quiet_seconds: float
    failed_seconds: float
    whole: bool


def decide(seen: Seen, launch: LaunchSpec) -> Action:
    """What to do with a replica now.

    `finish` if it has ended with its result, however it ended, or runs on for `stall_seconds` after that;
    `stop` if it runs without progress for `stall_seconds`; of one that has failed `refuse` if another attempt
    would end the same way, `lose` if no restart is left, and `start` after a pause, see `pause_seconds`. A
    status of 0 without a result is a failure. Restarts that a platform made by itself count. One that waits
    for its place to run is never stopped for it.

    Args:
        seen: what is known of it.
        launch: the limits.

    Example:
        >>> killed = State("failed", reason="killed by SIGKILL")
        >>> decide(Seen(killed, 0, 5.0, 0.5, False), LaunchSpec(restarts=1))
        'none'
        >>> decide(Seen(killed, 0, 5.0, 1.0, False), LaunchSpec(restarts=1))
        'start'
        >>> decide(Seen(killed, 1, 5.0, 9.0, False), LaunchSpec(restarts=1))
        'lose'
    """
    state, quiet = seen.state, seen.quiet_seconds >= launch.stall_seconds
    if seen.whole and (quiet or state.kind != "running"):
        return "finish"
    if state.kind == "waiting":
        return "none"
    if state.kind == "running":
        return "stop" if quiet else "none"
    if state.status == REFUSED:
        return "refuse"
    restarts = seen.restarts + state.restarts
    if state.final or restarts >= launch.restarts:
        return "lose"
    return "start" if seen.failed_seconds >= pause_seconds(restarts) else "none"


def pause_seconds(restarts: int) -> float:
    """Pause before a replica is started again: what made it fail, such as a full disk, may pass.

    Example:
        >>> [pause_seconds(restarts) for restarts in (0, 1, 2, 5, 99)]
        [1.0, 2.0, 4.0, 30.0, 30.0]
    """
    return min(2.0 ** min(restarts, 10), _LONGEST_PAUSE_SECONDS)


def deadline_seconds(
    finished_at: float, took_seconds: float, planned_seconds: float, patience: float, ran_at: float | None
) -> float | None:
    """When the replicas that have not finished are stopped; None while none of them has run.

    Time in which all of them wait for their place to run is not theirs to lose: after a group was interrupted
    one may have finished long ago, and the others stand in a queue. One that stopped early is no measure of
    how long the others may learn: they have the time that all planned steps would have taken it, and more.

    Args:
        finished_at: float. When the first one finished, on the clock of the group, in seconds.
        took_seconds: float. How long that one trained, over all attempts and runs.
        planned_seconds: float, at least that. How long it would have taken for every planned step.
        patience: float, at least 0. Share of `planned_seconds` that the others may take more.
        ran_at: when the first of the others ran, on the same clock; None if none has.

    Example:
        >>> deadline_seconds(3600.0, 3600.0, 3600.0, 0.5, 0.0)
        5400.0
        >>> deadline_seconds(0.0, 3600.0, 3600.0, 0.5, 7200.0)
        9000.0
        >>> deadline_seconds(1000.0, 1000.0, 3600.0, 0.5, 0.0)
        5400.0
    """
    if ran_at is None:
        return None
    return max(finished_at, ran_at) + planned_seconds - took_seconds + patience * planned_seconds


def is_over(open_replicas: Collection[int], now: float, deadline: float | None) -> bool:
    """Whether the group has ended: every replica has, or one has finished and the others are out of time.

    Args:
        open_replicas: those that have not ended.
        now: seconds on the clock of the group.
        deadline: see `deadline_seconds`; None while no replica has finished, or no other has run.

    Example:
        >>> is_over([], 5.0, None), is_over([1], 5.0, None), is_over([1], 5.0, 4.0)
        (True, False, True)
    """
    return not open_replicas or (deadline is not None and now >= deadline)
