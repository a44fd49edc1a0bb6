"""Which split a row belongs to, and the cut for a split by time."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.ingest.hashing import VALIDATION_SALT, Hashes, mix, unit
from components.ingest.plan import SplitRule
from components.ingest.problems import data_error

SPLITS: Final = ("train", "validation", "eval")
TRAIN, VALIDATION, EVAL = range(3)

Times = npt.NDArray[np.int64]


def assign(
    rule: SplitRule, rows: int, hashes: Hashes | None, times: Times | None, given: str | None
) -> npt.NDArray[np.int8]:
    """Places rows.

    A row goes to `eval` if its hash, as a number in `[0, 1)`, is below `eval_fraction`; of the others, one
    goes to `validation` if a second hash made from the first is below `validation_fraction`. Growing data
    never moves a row, and changing one fraction does not change the other choice.

    Args:
        rule: the split rule, with `eval_from` known if it is by time.
        rows: number of rows `n`.
        hashes: `(n,)` uint64, if the rule needs them.
        times: `(n,)` int64 epoch seconds, if the rule is by time.
        given: the split that the file belongs to, if the rule is by files.

    Returns:
        `(n,)` int8 indices into `SPLITS`.
    """
    result = np.full(rows, TRAIN if given is None else SPLITS.index(given), np.int8)
    if rule.by == "hash" and hashes is not None:
        result[unit(hashes) < rule.eval_fraction] = EVAL
    elif rule.by == "time" and times is not None and rule.eval_from is not None:
        result[times >= rule.eval_from] = EVAL
        if rule.validation_from is not None:
            result[(result == TRAIN) & (times >= rule.validation_from)] = VALIDATION
    if rule.needs_hash and hashes is not None:
        second = unit(mix(hashes ^ np.uint64(VALIDATION_SALT)))
        result[(result == TRAIN) & (second < rule.validation_fraction)] = VALIDATION
    return result


@dataclasses.dataclass
class TimeCounts:
    """Numbers of rows by time, in bounded memory whatever the number of rows.

    Times are rounded down to multiples of `2 ** shift` seconds, with the least `shift` for which at most
    `capacity` distinct times remain; the result does not depend on the order of the rows.

    Args:
        capacity: most distinct times kept. Defaults to `131072`.
    """

    capacity: int = 1 << 17
    shift: int = 0
    times: Times = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Times = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, times: Times, counts: Times | None = None) -> None:
        """Counts `(n,)` epoch seconds, each once or `counts` times."""
        if counts is None:
            counts = np.ones(len(times), np.int64)
        times = np.concatenate([self.times, times >> self.shift])
        counts = np.concatenate([self.counts, counts])
        while True:
            values, inverse = np.unique(times, return_inverse=True)
            if len(values) <= self.capacity:
                break
            self.shift += 1
            times = times >> 1
        self.times = values
        self.counts = np.zeros(len(values), np.int64)
        np.add.at(self.counts, inverse, counts)

    def merge(self, other: TimeCounts) -> None:
        """Adds the counts of another part of the rows."""
        if other.shift > self.shift:
            self.times = self.times >> (other.shift - self.shift)
            self.shift = other.shift
        self.add(other.times << other.shift, other.counts)

    def cut(self, fraction: float) -> int:
        """The first epoch second of the latest rows.

        Returns:
            The least time from which on at most a share `fraction` of the rows lie, or the latest time if
            that alone holds more.

        Raises:
            TandemError: `INGEST-017` if there are not two different times.
        """
        if len(self.times) < 2:
            raise data_error(
                "INGEST-017",
                f"expected rows at different times to split them by time. Received: times={len(self.times)}.",
                "Check `data.time_column`, or split by hash.",
            )
        later = np.cumsum(self.counts[::-1])[::-1]
        fits = np.flatnonzero(later <= fraction * self.counts.sum())
        first = max(int(fits[0]) if len(fits) else len(self.times) - 1, 1)
        return int(self.times[first]) << self.shift

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, for `from_json` in another process."""
        return {"shift": self.shift, "times": self.times.tolist(), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TimeCounts:
        """The inverse of `as_json`."""
        return cls(
            shift=value["shift"],
            times=np.array(value["times"], np.int64),
            counts=np.array(value["counts"], np.int64),
        )
