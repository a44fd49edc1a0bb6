"""What no two samples of the same data show: columns that broke since the run before.

That `k` given rows of the new data all lie where none of the `old_rows` before lay has the probability
`(new_rows / (new_rows + old_rows)) ** k` by chance, whatever the distribution is. It must be below one in a
million.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.check.drift import Feature, Statistics, bounds, cumulative, distance, features, shares

_CHANCE = 1e-6
LISTED_VALUES = 100
"""Most different texts of a column that TFDV lists in a schema."""


def row_count(statistics: Statistics) -> int:
    """Rows of a split."""
    return max((int(dataset.num_examples) for dataset in statistics.datasets), default=0)


def enough(new_rows: int, old_rows: int) -> float:
    """Rows that by chance do not all lie where none of the old ones lay.

    Example:
        >>> round(enough(1000, 1000), 1)
        19.9
    """
    if not new_rows or not old_rows:
        return math.inf
    return math.log(_CHANCE) / math.log(new_rows / (new_rows + old_rows))


def strays(old: Statistics, new: Statistics, limit: float, label: str) -> Iterator[tuple[str, float, float]]:
    """Columns with many numbers beyond every old one and the old quartiles by `limit` of their ranges.

    Another unit does that, or a value that stands for a missing one. Times go on and are left out.

    Returns:
        Tuples of column, the share of rows that surely lie there, and the least such quantile.
    """
    before, after = features(old), features(new)
    for name in sorted(before.keys() & after.keys()):
        one, line = before[name], cumulative(after[name])
        time = one.type == statistics_pb2.FeatureNameStatistics.INT and name != label
        between = bounds(one, limit)
        if time or line is None or between is None:
            continue
        low, high = min(between[0], one.num_stats.min), max(between[1], one.num_stats.max)
        rows = after[name].num_stats.common_stats.num_non_missing
        wanted = enough(rows, one.num_stats.common_stats.num_non_missing)
        above, below = np.flatnonzero(line.values > high), np.flatnonzero(line.values < low)
        # An edge is the least number of its cell: only rows beyond it are known to lie there.
        for share, edge in (
            (1.0 - line.below[above[0]], line.values[above[0]]) if len(above) else (0.0, 0.0),
            (float(line.upto[below[-1]]), line.values[below[-1]]) if len(below) else (0.0, 0.0),
        ):
            if share * rows >= wanted:
                yield name, float(share), float(edge)


def stuck(old: Statistics, new: Statistics) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Columns that have `k` values only, of which none had `1 / (2 k)` of the old rows.

    Together they had less than half of the rows, so by chance `n` rows have just these values once in
    `2 ** n` times; `20 k` more rows make up for the choice of the `k` values among all. Nothing is said when
    there are less than half as many rows as before, since a month or a weekday then has fewer values too.

    Returns:
        Tuples of column and its values.
    """
    before, after = features(old), features(new)
    if row_count(new) < row_count(old) / 2:
        return
    for name in sorted(before.keys() & after.keys()):
        values, rows = _values(after[name])
        few = values and _most_frequent(before[name]) < 0.5 / len(values)
        if few and rows >= -math.log2(_CHANCE) * (1 + len(values)):
            yield name, values


def _values(feature: Feature) -> tuple[tuple[str, ...], int]:
    if feature.HasField("string_stats"):
        text = feature.string_stats
        buckets = text.rank_histogram.buckets
        found = tuple(sorted(bucket.label for bucket in buckets)) if text.unique == len(buckets) else ()
        return found, int(text.common_stats.num_non_missing)
    line = cumulative(feature)
    number = tuple(f"{value:g}" for value in line.values) if line else ()
    return number, int(feature.num_stats.common_stats.num_non_missing)


def _most_frequent(feature: Feature) -> float:
    if feature.HasField("string_stats"):
        return max(shares(feature).values(), default=1.0)
    line = cumulative(feature)
    # The share of a value is known to one cell of the quantiles on each side.
    return float((line.upto - line.below).max()) + 2 / (len(line.edges) - 1) if line else 1.0


def strangers(old: Statistics, new: Statistics, least_known: float) -> Iterator[tuple[str, float]]:
    """Columns of text where frequent values that did not occur before take more than `1 - least_known`.

    Columns of at most `LISTED_VALUES` are left to the schema, which lists theirs and can be reviewed.
    Statistics list the most frequent values only: one that the old list lacks occurred at most as often as
    its last one.

    Returns:
        Tuples of column and the share of such rows.
    """
    before, after = features(old), features(new)
    for name in sorted(before.keys() & after.keys()):
        one, other = before[name], after[name]
        if not (one.HasField("string_stats") and other.HasField("string_stats")):
            continue
        known = {bucket.label: bucket.sample_count for bucket in one.string_stats.rank_histogram.buckets}
        old_rows = int(one.string_stats.common_stats.num_non_missing)
        new_rows = int(other.string_stats.common_stats.num_non_missing)
        if one.string_stats.unique <= LISTED_VALUES or not known or not new_rows:
            continue
        hidden = 0.0 if one.string_stats.unique <= len(known) else min(known.values())
        wanted = enough(new_rows, old_rows) + 4 * hidden * new_rows / old_rows
        rows = sum(
            bucket.sample_count
            for bucket in other.string_stats.rank_histogram.buckets
            if bucket.label not in known and bucket.sample_count >= wanted
        )
        if rows / new_rows > 1 - least_known:
            yield name, rows / new_rows


def copies(old: Statistics, splits: Collection[Statistics], label: str) -> Iterator[str]:
    """Columns that changed by more than chance and now have the label's statistics in every split.

    A number counts whose mean and deviation within its range are the label's, in this or the other
    direction; a text whose two values are as frequent as the two classes.
    """
    found, before = [features(split) for split in splits], features(old)
    if any(label not in split for split in found):
        return
    rows = min(row_count(old), *map(row_count, splits))
    for name in sorted(before.keys() - {label}):
        if all(name in split and _same(split[name], split[label]) for split in found):
            moved = distance(before[name], found[0][name])
            if moved is not None and moved > _by_chance(before[name].HasField("string_stats"), rows):
                yield name


def _by_chance(text: bool, rows: int) -> float:
    """More than samples of `rows` rows differ by: five standard errors of a share, or, in bits of
    Jensen-Shannon, what a chi-square of ten cells never reaches, and the error of the quantiles."""
    return 5 * math.sqrt(0.5 / max(rows, 1)) if text else 0.01 + 20 / max(rows, 1)


def _same(feature: Feature, label: Feature) -> bool:
    numbers = label.num_stats
    rows = numbers.common_stats.num_non_missing
    if feature.HasField("string_stats"):
        counts = sorted(bucket.sample_count for bucket in feature.string_stats.rank_histogram.buckets)
        binary = numbers.min == 0 and numbers.max == 1
        return binary and counts == sorted([numbers.num_zeros, rows - numbers.num_zeros])
    own = feature.num_stats
    if own.common_stats.num_non_missing != rows or own.min == own.max or numbers.min == numbers.max:
        return False
    (mean, deviation), (wanted, width) = _within_range(own), _within_range(numbers)
    same = math.isclose(mean, wanted, rel_tol=1e-6) or math.isclose(1 - mean, wanted, rel_tol=1e-6)
    return same and math.isclose(deviation, width, rel_tol=1e-6)


def _within_range(numbers: statistics_pb2.NumericStatistics) -> tuple[float, float]:
    size = numbers.max - numbers.min
    return (numbers.mean - numbers.min) / size, numbers.std_dev / size
