"""Limits of the data checks that the data at hand passes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from pipeline.init.column import Column, Ints

_LARGEST_DOMAIN = 100


def known_share(column: Column, train: Ints, evaluated: Ints) -> float:
    """Share of evaluated rows whose value occurs in training rows; of numbers, those within their range."""
    if column.kind == "categorical":
        seen = np.zeros(column.distinct + 1, bool)
        seen[column.codes[train]] = True
        codes = column.codes[evaluated]
        return float(seen[codes[codes >= 0]].mean()) if (codes >= 0).any() else 1.0
    assert column.numbers is not None
    before, after = (
        numbers[~np.isnan(numbers)] for numbers in (column.numbers[train], column.numbers[evaluated])
    )
    if len(before) == 0 or len(after) == 0:
        return 1.0
    return float(((after >= before.min()) & (after <= before.max())).mean())


def limits(columns: Iterable[Column], train: Ints, evaluated: Ints, eval_rows: float) -> dict[str, Any]:
    """`min_domain_mass` and `max_missing_increase` where the defaults could fail on this data.

    Unseen values are expected as often as values that occur once in training (Good-Turing); twice that,
    and four rows, are allowed. Missing values may grow by what was seen and four standard errors.

    Args:
        columns: the features.
        train: rows of the sample that stand for the `train` split.
        evaluated: rows that stand for the `eval` split.
        eval_rows: expected rows of the `eval` split.
    """
    unseen, growth = 0.0, 0.0
    for column in columns:
        if column.kind == "categorical" and column.distinct <= _LARGEST_DOMAIN:
            codes = column.codes[train]
            counts = np.bincount(codes[codes >= 0], minlength=1)
            once = float((counts == 1).sum()) / max(1, len(train))
            new = 1 - known_share(column, train, evaluated)
            unseen = max(unseen, 2 * once + 4 / max(eval_rows, 1), 1.5 * new + 0.01 if new > 0.02 else 0.0)
        lacks = _missing(column)
        before, after = float(lacks[train].mean()), float(lacks[evaluated].mean())
        if 0 < column.missing < 1:
            error = 4 * math.sqrt(column.missing * (1 - column.missing) / max(eval_rows, 1))
            growth = max(growth, 1.5 * (after - before), error)
    found: dict[str, Any] = {}
    if unseen > 0.05:
        found["min_domain_mass"] = max(0.01, math.floor((1 - unseen) * 100) / 100)
    if growth > 0.1:
        found["max_missing_increase"] = min(1.0, math.ceil(growth * 100) / 100)
    return found


def _missing(column: Column) -> Any:
    if column.numbers is not None:
        return np.isnan(column.numbers)
    return column.codes < 0
