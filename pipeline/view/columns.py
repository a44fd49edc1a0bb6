"""Statistics of the columns, as the report shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from components.check.drift import Feature, Statistics, features

_TOP_VALUES = 10


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _missing(feature: Feature, statistics: Statistics) -> float | None:
    rows = max((int(dataset.num_examples) for dataset in statistics.datasets), default=0)
    kind = feature.WhichOneof("stats")
    common = getattr(feature, kind).common_stats if kind else None
    return 1 - common.num_non_missing / rows if rows and common is not None else None


def _numeric(feature: Feature) -> dict[str, Any]:
    stats = feature.num_stats
    standard = [h for h in stats.histograms if h.type == 0]
    return {
        "mean": _number(stats.mean),
        "std": _number(stats.std_dev),
        "min": _number(stats.min),
        "median": _number(stats.median),
        "max": _number(stats.max),
        "zeros": int(stats.num_zeros),
        "histogram": [
            {"low": bucket.low_value, "high": bucket.high_value, "count": bucket.sample_count}
            for histogram in standard[:1]
            for bucket in histogram.buckets
            if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
        ],
    }


def _text(feature: Feature) -> dict[str, Any]:
    stats = feature.string_stats
    return {
        "distinct": int(stats.unique),
        "top_values": [
            {"value": bucket.label, "count": int(bucket.sample_count)}
            for bucket in list(stats.rank_histogram.buckets)[:_TOP_VALUES]
        ],
    }


def columns(by_split: Mapping[str, Statistics], kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """One entry for each configured column, in the order of `kinds`.

    Args:
        by_split: statistics by split; values come from `train`.
        kinds: what each column is: a feature kind, `label`, `weight` or `kept`.
    """
    # A split may have no rows; then nothing is missing in it.
    by_split = {
        split: statistics
        for split, statistics in by_split.items()
        if any(dataset.num_examples for dataset in statistics.datasets)
    }
    known = {split: features(statistics) for split, statistics in by_split.items()}
    found = []
    for name, kind in kinds.items():
        entry: dict[str, Any] = {"name": name, "kind": kind, "type": "empty", "missing_fraction": {}}
        for split, statistics in by_split.items():
            feature = known[split].get(name)
            entry["missing_fraction"][split] = 1.0 if feature is None else _missing(feature, statistics)
        feature = known.get("train", {}).get(name)
        if feature is not None and feature.HasField("num_stats"):
            entry |= {"type": "number", **_numeric(feature)}
        elif feature is not None and feature.HasField("string_stats"):
            entry |= {"type": "text", **_text(feature)}
        found.append(entry)
    return found
