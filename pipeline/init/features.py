"""The columns of the sample as features, slices and crosses of a config."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.init import codes, scale
from pipeline.init.column import Column
from pipeline.init.crosses import Suggested
from pipeline.init.leakage import Power

_ROUND = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_SLICE_VALUES = 20
_SLICE_ROWS = 50


def round_up(count: int) -> int:
    """The next of 100, 200, 500, 1,000, ... 50,000; at most 100,000.

    Example:
        >>> round_up(430), round_up(10**7)
        (500, 100000)
    """
    return next((size for size in _ROUND if size >= count), 100_000)


def feature(column: Column, rows: int) -> dict[str, Any]:
    """The feature section of a column, without fields that have their default.

    Args:
        column: a column that is not dropped.
        rows: number of labelled rows of the data.
    """
    if column.kind == "timestamp":
        parts = list(codes.parts(column))
        return {"kind": "timestamp"} | ({} if parts == ["hour", "weekday"] else {"parts": parts})
    if column.kind == "numeric":
        values = {"kind": "numeric", **scale.quantiles(rows)}
        return values if column.missing else {**values, "missing_indicator": False}
    if column.hashed:
        return {"kind": "categorical", "encode": "hash", "hash_buckets": round_up(2 * column.distinct)}
    least = scale.min_count(rows)
    return {"kind": "categorical"} | ({} if least == 5 else {"min_count": least})


def comment(column: Column) -> str:
    """What the sample holds, in a few words."""
    missing = f", {column.missing:.1%} missing" if column.missing else ""
    if column.kind == "categorical":
        return f"{column.distinct:,} values{missing}"
    assert column.numbers is not None
    low, high = float(np.nanmin(column.numbers)), float(np.nanmax(column.numbers))
    if column.kind == "timestamp":
        return f"{codes.moment(low)} to {codes.moment(high)}{missing}"
    return f"{low:g} to {high:g}{missing}"


def cross(suggested: Suggested) -> dict[str, Any]:
    """The cross section of a suggested pair."""
    buckets = round_up(2 * suggested.cells)
    return {"columns": list(suggested.columns)} | ({} if buckets == 1_000 else {"hash_buckets": buckets})


def slices(columns: list[Column], powers: dict[str, Power], eval_rows: float) -> list[list[str]]:
    """The one or two most telling columns whose few values each have enough rows."""
    fit = []
    for column in columns:
        if (
            column.kind == "categorical"
            and 2 <= column.distinct <= _SLICE_VALUES
            and not powers[column.name].level
        ):
            shares = np.bincount(column.codes[column.codes >= 0], minlength=column.distinct) / len(
                column.codes
            )
            if np.median(shares) * eval_rows >= _SLICE_ROWS:
                fit.append(column.name)
    fit.sort(key=lambda name: -powers[name].explained)
    return [[name] for name in fit[:2]]
