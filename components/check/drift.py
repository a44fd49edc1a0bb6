"""Distance between two statistics of one column."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList
Feature: TypeAlias = statistics_pb2.FeatureNameStatistics


@dataclasses.dataclass(frozen=True)
class Distance:
    """Distance of one column between two data sets, in `[0, 1]`."""

    column: str
    measure: str
    value: float


def features(statistics: Statistics) -> dict[str, Feature]:
    """Statistics by column name."""
    return {f.name or f.path.step[0]: f for dataset in statistics.datasets for f in dataset.features}


def _shares(feature: Feature) -> dict[str, float]:
    counts = {bucket.label: bucket.sample_count for bucket in feature.string_stats.rank_histogram.buckets}
    total = feature.string_stats.common_stats.num_non_missing
    return {label: count / total for label, count in counts.items()} if total else {}


def _infinity_norm(old: Feature, new: Feature) -> float:
    a, b = _shares(old), _shares(new)
    return max((abs(a.get(key, 0.0) - b.get(key, 0.0)) for key in a.keys() | b.keys()), default=0.0)


def _cumulative(feature: Feature, points: np.ndarray) -> np.ndarray | None:
    for histogram in feature.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.QUANTILES and histogram.buckets:
            edges = [histogram.buckets[0].low_value, *(bucket.high_value for bucket in histogram.buckets)]
            counts = [0.0, *(bucket.sample_count for bucket in histogram.buckets)]
            total = sum(counts)
            if total and np.all(np.isfinite(edges)):
                return np.interp(points, edges, np.cumsum(counts) / total, left=0.0, right=1.0)
    return None


def _edges(feature: Feature) -> list[float]:
    return [
        value
        for histogram in feature.num_stats.histograms
        if histogram.type == statistics_pb2.Histogram.QUANTILES
        for bucket in histogram.buckets
        for value in (bucket.low_value, bucket.high_value)
    ]


def _jensen_shannon(old: Feature, new: Feature) -> float | None:
    points = np.unique(np.array(_edges(old), np.float64))
    if len(points) < 2:
        return None
    shares = []
    for feature in (old, new):
        cumulative = _cumulative(feature, points)
        if cumulative is None:
            return None
        shares.append(np.diff(np.concatenate([[0.0], cumulative, [1.0]])))
    mean = (shares[0] + shares[1]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(share > 0, share * np.log2(share / mean), 0.0).sum() for share in shares]
    return float(np.clip(sum(parts) / 2, 0.0, 1.0))


def distances(old: Statistics, new: Statistics) -> Iterator[Distance]:
    """Distances of every column that both have.

    Categories: infinity norm, the largest difference of a value's share. Numbers: Jensen-Shannon
    divergence in bits over the old quantile buckets.
    """
    before, after = features(old), features(new)
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        if one.HasField("string_stats") and other.HasField("string_stats"):
            yield Distance(name, "infinity norm", _infinity_norm(one, other))
        elif one.HasField("num_stats") and other.HasField("num_stats"):
            value = _jensen_shannon(one, other)
            if value is not None:
                yield Distance(name, "Jensen-Shannon", value)


def outliers(statistics: Statistics, limit_iqr: float) -> Iterator[tuple[str, float, float, float]]:
    """Columns with a number further than `limit_iqr` interquartile ranges from the quartiles.

    Returns:
        Tuples of column, the extreme value, first and third quartile.
    """
    for name, feature in features(statistics).items():
        points = np.unique(np.array(_edges(feature), np.float64))
        if len(points) < 2:
            continue
        cumulative = _cumulative(feature, points)
        if cumulative is None:
            continue
        low, high = np.interp([0.25, 0.75], cumulative, points)
        span = high - low
        if span <= 0:
            continue
        for value in (feature.num_stats.min, feature.num_stats.max):
            if value < low - limit_iqr * span or value > high + limit_iqr * span:
                yield name, float(value), float(low), float(high)
