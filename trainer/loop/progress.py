"""How a long training says that it lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from absl import logging


class Progress(Protocol):
    """Receives the state of the training, several times a second."""

    def __call__(
        self, step: int, steps_total: int, examples_per_second: float, eta_seconds: float, loss: float
    ) -> None:
        """Shows it.

        Args:
            step: int. Steps done.
            steps_total: int. Most steps planned; early stopping may end before.
            examples_per_second: float. Recent speed of the steps alone.
            eta_seconds: float. Time to `steps_total` at that speed.
            loss: float. Mean training loss of the last steps.
        """


class Heartbeat:
    """A log line now and then: the default `Progress`.

    Args:
        every_seconds: float. Least time between two lines. Defaults to `10.0`.
        clock: monotonic seconds. Defaults to `time.monotonic`.
    """

    def __init__(self, every_seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._last = clock()

    def __call__(
        self, step: int, steps_total: int, examples_per_second: float, eta_seconds: float, loss: float
    ) -> None:
        """Logs a line if the last one is old enough."""
        now = self._clock()
        if now - self._last >= self._every_seconds:
            self._last = now
            logging.info(
                "step %d of %d, loss %.5f, %.0f examples/s, at most %.0f s to go",
                step,
                steps_total,
                loss,
                examples_per_second,
                eta_seconds,
            )


class Speed:
    """Examples per second: a mean over blocks that forgets with a half-life of about ten of them.

    Example:
        >>> speed = Speed()
        >>> [speed.add(100, seconds) for seconds in (60.0, 2.0)]
        [None, 50.0]
    """

    def __init__(self) -> None:
        self._examples = 0.0
        self._seconds = 0.0
        self._first = True

    def add(self, examples: int, seconds: float) -> float | None:
        """Counts a block and returns the speed; None for the first one, which is traced and compiled."""
        if self._first:
            self._first = False
            return None
        self._examples = 0.93 * self._examples + examples
        self._seconds = 0.93 * self._seconds + seconds
        return self._examples / max(self._seconds, 1e-9)
