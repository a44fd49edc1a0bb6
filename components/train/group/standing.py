"""How the replicas of a group stand, for whoever shows it. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal[
    "waiting", "starting", "training", "restarting", "finished", "refused", "lost", "late"
]
"""`late`: others had finished, and the patience with this one ran out; `refused`: it ended with status 2;
`lost`: it failed for good."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """One replica now.

    Args:
        index: int, from 0.
        kind: what it does.
        restarts: int. How often it was started again. Defaults to `0`.
        step: int. Steps done, as far as is known. Defaults to `0`.
        steps: int. Planned steps; 0 if not known yet. Defaults to `0`.
        examples_per_second: float. Recent speed. Defaults to `0.0`.
        seconds_left: float. To the last planned step at that speed. Defaults to `0.0`.
        loss: float or None. Recent mean of the training loss. Defaults to `None`.
        staleness_steps: int or None. Of the peer whose publication is the stalest; None while none is there.
            Defaults to `None`.
    """

    index: int
    kind: Kind
    restarts: int = 0
    step: int = 0
    steps: int = 0
    examples_per_second: float = 0.0
    seconds_left: float = 0.0
    loss: float | None = None
    staleness_steps: int | None = None


class GroupProgress(Protocol):
    """Receives the state of a group, about twice a second."""

    def __call__(self, standings: Sequence[Standing], /) -> None:
        """Shows it.

        Args:
            standings: one for each replica, by index.
        """


def line(standing: Standing) -> str:
    """A replica in one line.

    Example:
        >>> line(Standing(1, "training", 2, 500, 1000, 2345.6, 9.5, 0.25, 250))
        'replica 1 training: step 500 of 1,000, loss 0.2500, 2,346 examples/s, staleness 250, restarts 2'
        >>> line(Standing(0, "waiting"))
        'replica 0 waiting'
    """
    parts = []
    if standing.steps:
        parts.append(f"step {standing.step:,} of {standing.steps:,}")
    if standing.loss is not None:
        parts.append(f"loss {standing.loss:.4f}")
    if standing.kind == "training" and standing.examples_per_second:
        parts.append(f"{standing.examples_per_second:,.0f} examples/s")
    if standing.staleness_steps is not None:
        parts.append(f"staleness {standing.staleness_steps:,}")
    if standing.restarts:
        parts.append(f"restarts {standing.restarts}")
    told = f": {', '.join(parts)}" if parts else ""
    return f"replica {standing.index} {standing.kind}{told}"


class Lines:
    """Which lines are due: one for each replica now and then, and one when it does something else.

    Args:
        every_seconds: float. Least time between two lines of a replica that goes on. Defaults to `30.0`.
        clock: monotonic seconds. Defaults to `time.monotonic`.
    """

    def __init__(self, every_seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._last = clock()
        self._kinds: dict[int, Kind] = {}

    def due(self, standings: Sequence[Standing]) -> list[str]:
        """The lines that are due now, by replica."""
        now = self._clock()
        every = now - self._last >= self._every_seconds
        self._last = now if every else self._last
        chosen = [one for one in standings if every or self._kinds.get(one.index) != one.kind]
        self._kinds = {one.index: one.kind for one in standings}
        return [line(one) for one in chosen]
