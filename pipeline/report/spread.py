"""A measure of several trainings: its mean, how far it spreads, and whether two kinds of training differ."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from scipy.stats import t

from pipeline.report.formats import number


@dataclasses.dataclass(frozen=True)
class Cell:
    """A measure, one value for each training.

    Args:
        values: of the measure.
        write: a value as text. Defaults to `number`.
    """

    values: tuple[float, ...]
    write: Callable[[Any], str] = number

    @property
    def mean(self) -> float:
        """Over the trainings."""
        return statistics.fmean(self.values)

    @property
    def text(self) -> str:
        """The mean."""
        return self.write(self.mean)

    @property
    def spread(self) -> str:
        """Lowest to highest; nothing where all are the same."""
        low, high = min(self.values), max(self.values)
        return "" if low == high else f"{self.write(low)} to {self.write(high)}"


def outcome(gains: Sequence[float]) -> str:
    """`better` or `worse` where the 95% interval of the mean gain leaves 0 out, else `same`.

    Args:
        gains: by how much one training is better than its partner, pair by pair; one pair proves nothing.

    Example:
        >>> outcome([0.02, 0.02, 0.021]), outcome([0.02, -0.01, 0.03]), outcome([0.02])
        ('better', 'same', 'same')

    Reference: Student, 1908, "The probable error of a mean".
    """
    if len(gains) < 2:
        return "same"
    mean = statistics.fmean(gains)
    reach = float(t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / math.sqrt(len(gains))
    if abs(mean) <= reach:
        return "same"
    return "better" if mean > 0 else "worse"
