"""The label: task, classes, and the numbers to learn from the sample."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.parsing import to_float
from pipeline.init.column import Floats, Ints
from pipeline.init.errors import init_error
from pipeline.init.sample import Sample, as_text

_POSITIVE = {"1", "1.0", "true", "yes", "y", "t", "positive", "pos", "on", "+"}
_NEGATIVE = {"0", "0.0", "-1", "false", "no", "n", "f", "negative", "neg", "off", "-"}
_MAX_INTEGER_CLASSES = 50
_MAX_CLASSES = 1_000
_MANY_CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Target:
    """What is predicted.

    Args:
        task: `binary`, `multiclass` or `regression`.
        classes: texts by index; empty for regression.
        counts: rows of each class over all rows; empty for regression.
        rows: `(labelled,)`, positions of the sample's rows that have a label.
        values: `(labelled,)`, class index or number.
        notes: what was assumed.
    """

    task: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    rows: Ints
    values: Floats
    notes: tuple[str, ...]

    def outputs(self) -> Floats:
        """`(labelled, outputs)`: one column of 0 and 1 for each class (one for binary), or standardised."""
        if self.task == "regression":
            spread = self.values.std() or 1.0
            scaled: Floats = np.clip((self.values - self.values.mean()) / spread, -5, 5)
            return scaled[:, None]
        if self.task == "binary":
            return self.values[:, None]
        common = np.argsort([-count for count in self.counts], kind="stable")[:_MANY_CLASSES]
        return np.asarray(self.values[:, None] == common[None, :], np.float64)


def find(sample: Sample, label: str, null_values: list[str]) -> Target:
    """Infers the task from the label's values.

    Two values: binary. Text, or at most 50 whole numbers that each come often: multiclass. Else regression.

    Raises:
        TandemError: `INIT-006` if it is never given or constant, `INIT-010` if it is neither.
    """
    array = sample.table.column(label).combine_chunks()
    if pa.types.is_nested(array.type) or pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        raise init_error(
            "INIT-010", f"expected text or numbers. Received: label={label!r} of type {array.type}."
        )
    text = as_text(array)
    text = pc.if_else(
        pc.is_in(text, value_set=pa.array(["", *null_values])), pa.scalar(None, pa.string()), text
    )
    counts = {value: count for value, count in sample.label_counts.items() if value not in null_values}
    counts.pop("", None)
    if not counts:
        raise init_error(
            "INIT-006", f"expected a label in some rows. Received: label={label!r}, all missing."
        )
    if len(counts) == 1:
        message = (
            f"expected at least two label values. Received: label={label!r}, always {next(iter(counts))!r}."
        )
        raise init_error("INIT-006", message, "A model cannot learn from a constant.")
    numbers, bad = to_float(pa.array(list(counts)), (), label)
    numeric = not bad.any()
    if len(counts) == 2:
        return _binary(text, counts)
    whole = numeric and all(float(value).is_integer() for value in numbers.to_pylist())
    total = sum(counts.values())
    if numeric and not (whole and len(counts) <= _MAX_INTEGER_CLASSES and total >= 5 * len(counts)):
        return _regression(text, label)
    if not numeric and (len(counts) > _MAX_CLASSES or len(counts) * 3 > total):
        message = (
            f"expected classes or numbers. Received: label={label!r} with {len(counts):,} different texts."
        )
        raise init_error("INIT-010", message, "Choose a label with fewer values, or turn it into numbers.")
    return _multiclass(text, counts, numeric)


def _classed(task: str, text: Any, classes: list[str], counts: dict[str, int], notes: list[str]) -> Target:
    index = pc.index_in(text, value_set=pa.array(classes)).cast(pa.float64())
    values = np.asarray(index.to_numpy(zero_copy_only=False), np.float64)
    rows = np.flatnonzero(~np.isnan(values))
    shares = [counts[name] / sum(counts.values()) for name in classes]
    rare = min(range(len(classes)), key=lambda position: shares[position])
    if shares[rare] < 0.05:
        notes.append(f"the label is imbalanced: {classes[rare]!r} is {shares[rare]:.2%} of the rows")
    found = tuple(counts[name] for name in classes)
    return Target(task, tuple(classes), found, rows, values[rows], tuple(notes))


def _binary(text: Any, counts: dict[str, int]) -> Target:
    first, second = sorted(counts, key=lambda value: (-counts[value], value))
    known = _positive(first) - _positive(second)
    if known > 0:
        first, second = second, first
    notes = [] if known else [f"{second!r} is taken as the positive class because it is rarer"]
    return _classed("binary", text, [first, second], counts, notes)


def _positive(value: str) -> int:
    folded = value.strip().casefold()
    return (folded in _POSITIVE) - (folded in _NEGATIVE)


def _multiclass(text: Any, counts: dict[str, int], numeric: bool) -> Target:
    notes = []
    if numeric:
        notes.append(f"{len(counts)} whole numbers are taken as classes; for amounts set `task: regression`")
    classes = sorted(counts, key=lambda value: (float(value), value) if numeric else (0.0, value))
    return _classed("multiclass", text, classes, counts, notes)


def _regression(text: Any, label: str) -> Target:
    numbers, bad = to_float(text, (), label)
    values = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
    rows = np.flatnonzero(~np.isnan(values) & ~np.asarray(bad))
    return Target("regression", (), (), rows, values[rows], ())
