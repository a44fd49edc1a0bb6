"""A training as `python -m trainer` runs it, with clocks round its steps and its exchange.

    python -m benchmarks.codistillation.measured_trainer SPEC.json

Writes `measured.json` beside `history.json`. The peak of memory is that of the process up to the last step:
the kernel's `VmHWM`, since the peak that `getrusage` tells begins with that of the process that started it.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

FILE = "measured.json"
EXCHANGE, PROGRESS = "exchange_seconds", "progress_seconds"
CLOCKED = {"begin": EXCHANGE, "after": EXCHANGE, "progress": PROGRESS}
"""Methods of the companion of a replica, and what their time is booked as."""
LAST_SHARE = 0.25


class Block(NamedTuple):
    """Steps that were taken in one call, and the wall and CPU seconds of it, those of every thread."""

    steps: int
    seconds: float
    cpu_seconds: float


class Clock:
    """Adds up the time of functions by name; what one of them calls counts for the outer one alone."""

    def __init__(self) -> None:
        self.seconds = {EXCHANGE: 0.0, PROGRESS: 0.0}
        self._runs = False

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time booked as `name`."""

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            if self._runs:
                return function(*arguments, **named)
            self._runs, started = True, time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds[name] += time.perf_counter() - started
                self._runs = False

        return timed


class TimedWork:
    """The work of a loop, whose blocks of steps are timed."""

    def __init__(self, work: Any) -> None:
        self._work = work
        self.taken: list[Block] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def train(self, block: Any) -> Any:
        """Takes the steps of a block."""
        wall, cpu = time.perf_counter(), time.process_time()
        found = self._work.train(block)
        self.taken.append(Block(len(found[1]), time.perf_counter() - wall, time.process_time() - cpu))
        return found


def step_times(blocks: Sequence[Block], share: float = LAST_SHARE) -> tuple[float, float]:
    """Median wall and CPU seconds of a step in the last blocks, when every peer is there.

    Args:
        blocks: in their order; the first one holds the tracing.
        share: float in `(0, 1]`. Share of the blocks that count. Defaults to `0.25`.

    Example:
        >>> step_times([Block(1, 9.0, 9.0), Block(2, 4.0, 2.0), Block(4, 2.0, 3.0)], 0.3)
        (0.5, 0.75)
    """
    last = blocks[-max(1, int(share * len(blocks))) :]
    return (
        statistics.median(block.seconds / block.steps for block in last),
        statistics.median(block.cpu_seconds / block.steps for block in last),
    )


def peak_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Most memory that this process has held."""
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main(arguments: Sequence[str]) -> int:
    """Trains as the file says; returns the exit status."""
    from trainer.__main__ import main as train
    from trainer.codistillation.companion import Companion
    from trainer.loop.loop import Loop
    from trainer.storage import write_json

    clock = Clock()
    for name, booked in CLOCKED.items():
        setattr(Companion, name, clock.around(booked, getattr(Companion, name)))

    def run(loop: Loop, progress: Any, before: Callable[..., None] = Loop.run) -> None:
        work = TimedWork(loop.work)
        loop.work = cast(Any, work)
        before(loop, progress)
        if not work.taken:
            return
        seconds, cpu_seconds = step_times(work.taken)
        found = {
            "steps": sum(block.steps for block in work.taken),
            "seconds": loop.state.seconds,
            "first_block_seconds": work.taken[0].seconds,
            **clock.seconds,
            "step_seconds": seconds,
            "step_cpu_seconds": cpu_seconds,
            "peak_bytes": peak_bytes(),
        }
        write_json(loop.run_dir / FILE, found)

    Loop.run = run  # type: ignore[assignment, method-assign]
    return train(arguments)


if __name__ == "__main__":
    from absl import app

    app.run(main)
