"""Distance between two statistics of one column."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList
Feature: TypeAlias = statistics_pb2.FeatureNameStatistics

# Statistics hold this many quantiles of a number: the share of one value is known to 1 / QUANTILES.
QUANTILES = 50
_CELLS = 10


@dataclasses.dataclass(frozen=True)
class Distance:
    """Distance of one column between two data sets, in `[0, 1]`."""

    column: str
    measure: str
    value: float


def features(statistics: Statistics) -> dict[str, Feature]:
    """Statistics by column name."""
    return {f.name or f.path.step[0]: f for dataset in statistics.datasets for f in dataset.features}


def shares(feature: Feature) -> dict[str, float]:
    """Share of each of the most frequent texts in the rows that have one."""
    counts = {bucket.label: bucket.sample_count for bucket in feature.string_stats.rank_histogram.buckets}
    total = feature.string_stats.common_stats.num_non_missing
    return {label: count / total for label, count in counts.items()} if total else {}


def _infinity_norm(old: Feature, new: Feature) -> float:
    a, b = shares(old), shares(new)
    return max((abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in a.keys() | b.keys()), default=0.0)


@dataclasses.dataclass(frozen=True)
class Cumulative:
    """Distribution of a number: at each of the rising `values`, the share of rows below and up to it."""

    edges: np.ndarray
    values: np.ndarray
    below: np.ndarray
    upto: np.ndarray

    def at(self, point: float) -> tuple[float, float]:
        """Shares of the rows below `point` and up to it; linear between the values."""
        place = int(np.searchsorted(self.values, point))
        if place < len(self.values) and self.values[place] == point:
            return float(self.below[place]), float(self.upto[place])
        share = float(np.interp(point, *self._line(), left=0.0, right=1.0))
        return share, share

    def quantile(self, share: float) -> float:
        """The number that `share` of the rows do not exceed."""
        values, shares = self._line()
        return float(np.interp(share, shares, values))

    def _line(self) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(self.values, 2), np.stack([self.below, self.upto], axis=1).ravel()


def cumulative(feature: Feature) -> Cumulative | None:
    """Distribution of a number from its quantiles; `None` without any."""
    for histogram in feature.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES and histogram.buckets:
            edges = np.array([histogram.buckets[0].low_value, *(b.high_value for b in histogram.buckets)])
            counts = np.array([0.0, *(bucket.sample_count for bucket in histogram.buckets)])
            total = np.cumsum(counts)
            if total[-1] > 0 and np.all(np.isfinite(edges)):
                values, repeats = np.unique(edges, return_counts=True)
                upto = (total / total[-1])[np.cumsum(repeats) - 1]
                if values[0] == 0:
                    upto[0] = feature.num_stats.num_zeros / total[-1]
                # An edge that comes twice is a frequent value: it has all rows above the edge before it.
                below = np.where(repeats > 1, np.concatenate([[0.0], upto[:-1]]), upto)
                below[0] = 0.0
                return Cumulative(edges, values, below, upto)
    return None


def _cells(feature: Cumulative, old: Cumulative) -> np.ndarray:
    """Shares of the rows in cells that the deciles of `old` bound; a frequent value is a cell of its own."""
    deciles, repeats = np.unique(old.edges[:: max(1, (len(old.edges) - 1) // _CELLS)], return_counts=True)
    cuts = [0.0]
    for decile, repeated in zip(deciles, repeats > 1, strict=True):
        below, upto = feature.at(decile)
        cuts += [below, upto] if repeated else [below if decile == deciles[0] else upto]
    return np.maximum(np.diff([*cuts, 1.0]), 0.0)


def _jensen_shannon(old: Feature, new: Feature) -> float | None:
    one, other = cumulative(old), cumulative(new)
    if one is None or other is None:
        return None
    both = _cells(one, one), _cells(other, one)
    mean = (both[0] + both[1]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(share > 0, share * np.log2(share / mean), 0.0).sum() for share in both]
    return float(np.clip(sum(parts) / 2, 0.0, 1.0))


def distances(old: Statistics, new: Statistics) -> Iterator[Distance]:
    """Distances of every column that both have.

    Categories: infinity norm, the largest difference of a value's share. Numbers: Jensen-Shannon
    divergence in bits over the old deciles.
    """
    before, after = features(old), features(new)
    for name in before.keys() & after.keys():
        value = distance(before[name], after[name])
        if value is not None:
            text = before[name].HasField("string_stats")
            yield Distance(name, "infinity norm" if text else "Jensen-Shannon", value)


def distance(old: Feature, new: Feature) -> float | None:
    """Distance of one column, see `distances`; `None` when its type changed or it has no values."""
    if old.HasField("string_stats") and new.HasField("string_stats"):
        return _infinity_norm(old, new)
    if old.HasField("num_stats") and new.HasField("num_stats"):
        return _jensen_shannon(old, new)
    return None


def outliers(statistics: Statistics, limit: float) -> Iterator[tuple[str, float, float, float]]:
    """Columns with a number further than `limit` interquartile ranges from the quartiles.

    Where both quartiles are 0, most rows are, and the range is no scale: a number counts that is more than
    `limit` times the root mean square of the other numbers that are not 0.

    Returns:
        Tuples of column, the extreme value, first and third quartile.
    """
    for name, feature in features(statistics).items():
        numbers, line = feature.num_stats, cumulative(feature)
        if line is None:
            continue
        low, high = line.quantile(0.25), line.quantile(0.75)
        for value in dict.fromkeys((numbers.min, numbers.max)):
            if low < high:
                far = value < low - limit * (high - low) or value > high + limit * (high - low)
            else:
                far = low == 0 and value != 0 and abs(value) > limit * _size_of_others(numbers, value)
            if far:
                yield name, float(value), low, high


def bounds(feature: Feature, limit: float) -> tuple[float, float] | None:
    """Numbers between which none is an outlier, see `outliers`; `None` where they are not looked for."""
    line = cumulative(feature)
    if line is None:
        return None
    low, high = line.quantile(0.25), line.quantile(0.75)
    if low == high != 0:
        return None
    width = limit * (high - low if low < high else _size_of_others(feature.num_stats, 0.0))
    return low - width, high + width


def _size_of_others(numbers: statistics_pb2.NumericStatistics, value: float) -> float:
    """Root mean square of the numbers that are neither 0 nor this one `value`; infinite without any."""
    rows = numbers.common_stats.num_non_missing
    others = rows - numbers.num_zeros - 1
    squares = rows * (numbers.std_dev**2 + numbers.mean**2) - value**2
    return math.sqrt(max(0.0, squares) / others) if others > 0 else math.inf
