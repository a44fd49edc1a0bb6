"""Columns as small integers, the common currency of the analyses below."""

from __future__ import annotations

import datetime

import numpy as np
import numpy.typing as npt

from pipeline.init.column import Column, Floats, Ints

_DAY_SECONDS = 86_400
_BLOCKS = 12


def binned(column: Column, bins: int, most_values: int) -> Ints:
    """Codes of a column, `(rows,)`: 0 for missing, then values by frequency or quantile bins.

    A quantile that is itself a value has a bin of its own, so where most rows are 0, the few others are
    told apart from them.

    Args:
        column: a categorical or numeric column.
        bins: number of quantile bins for numbers.
        most_values: categories beyond the most frequent ones share a code.
    """
    if column.kind == "categorical":
        counts = np.bincount(column.codes[column.codes >= 0], minlength=column.distinct)
        order = np.argsort(-counts, kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.minimum(np.arange(len(order)), most_values - 1)
        return (
            np.where(column.codes >= 0, rank[np.maximum(column.codes, 0)] + 1, 0)
            if len(order)
            else column.codes + 1
        )
    numbers = column.numbers
    assert numbers is not None
    present = ~np.isnan(numbers)
    if not present.any():
        return np.zeros(len(numbers), np.int64)
    edges = np.unique(np.quantile(numbers[present], np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, numbers, side="left") + np.searchsorted(edges, numbers, side="right")
    return np.where(present, place + 1, 0)


def parts(column: Column) -> dict[str, Ints]:
    """Codes of the calendar parts of a timestamp column that vary and come round more than once."""
    assert column.numbers is not None
    present = ~np.isnan(column.numbers)
    seconds = np.where(present, column.numbers, 0).astype(np.int64)
    days = seconds // _DAY_SECONDS
    some = days[present]
    span = int(some.max() - some.min()) if len(some) else 0
    found: dict[str, Ints] = {}
    if len(np.unique(seconds[present] % _DAY_SECONDS)) > 1:
        found["hour"] = seconds % _DAY_SECONDS // 3600
    if span >= 14:
        found["weekday"] = (days + 3) % 7
    if span >= 2 * 365:
        found["month"] = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return {
        name: np.where(present, codes + 1, 0)
        for name, codes in found.items()
        if len(np.unique(codes[present])) > 1
    }


def first_half(rows: int, ordered: bool) -> npt.NDArray[np.bool_]:
    """Marks one half of the rows: every second one, or every second of twelve blocks in order of time.

    With blocks, a value that names a day or a week is in one half only and says nothing about the other.
    """
    place = np.arange(rows)
    return np.asarray((place * _BLOCKS // rows if ordered else place) % 2 == 0)


def moment(seconds: float) -> str:
    """ISO 8601 text of epoch seconds."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def group_sums(codes: Ints, size: int, values: Floats) -> Floats:
    """Sums of `values` `(rows, outputs)` by code: `(size, outputs)`."""
    sums = [np.bincount(codes, weights=values[:, index], minlength=size) for index in range(values.shape[1])]
    return np.stack(sums, axis=1)
