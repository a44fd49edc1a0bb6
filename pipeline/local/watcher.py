"""What is told about a run while it goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from components.train.group.standing import Standing

State = Literal["ran", "cached", "failed"]


@dataclasses.dataclass(frozen=True)
class Step:
    """How a step went.

    Args:
        name: step.
        state: `ran`, `cached` or `failed`.
        seconds: wall time.
        peak_rss_bytes: peak resident memory of the process tree while it ran.
        start_seconds: start, in seconds since the run began.
    """

    name: str
    state: State
    seconds: float
    peak_rss_bytes: int
    start_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As an entry of `steps` in `summary.json`."""
        return dataclasses.asdict(self)


class Watcher:
    """Told about the steps of a run; does nothing by itself."""

    def run_started(self, run_id: str) -> None:
        """A run begins, or goes on."""

    def step_started(self, name: str, index: int, count: int) -> None:
        """A step begins, the one at `index` of `count`."""

    def step_finished(self, step: Step) -> None:
        """A step has ended, in whatever state."""

    def training(
        self, step: int, steps_total: int, examples_per_second: float, eta_seconds: float, loss: float
    ) -> None:
        """Training goes on; see `trainer.loop.Progress`."""

    def group(self, standings: Sequence[Standing]) -> None:
        """A group of trainings goes on; see `components.train.group.standing.GroupProgress`."""
