"""The label: task, classes, and the numbers to learn from the sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
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
_CLASS_SHARE = 0.05
_MOST_LISTED = 5
_MOST_LETTERS = 40
_FEW_ROWS = 10

LEAST_NUMBERS = 0.5
"""Share of numbers from which a label is meant to be one, and texts such as `?` in it mean missing."""


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
        warnings: what must be looked at. Defaults to `()`.
    """

    task: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    rows: Ints
    values: Floats
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

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

    Args:
        sample: of the data.
        label: column to predict.
        null_values: texts that mean missing, where they are no classes.

    Raises:
        TandemError: `INIT-006` if it is never given or constant, `INIT-010` if it is neither.
    """
    array = sample.table.column(label).combine_chunks()
    if pa.types.is_nested(array.type) or pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        raise init_error(
            "INIT-010", f"expected text or numbers. Received: label={label!r} of type {array.type}."
        )
    text = as_text(array)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    sampled = {entry["values"]: entry["counts"] for entry in pc.value_counts(text.drop_null()).to_pylist()}
    # The counts over all rows break off where there are very many values.
    counts = {value: count for value, count in (sampled | sample.label_counts).items() if value}
    missing = _missing(counts, null_values)
    shares = {value: sampled.get(value, 0) / len(text) for value in counts if value in null_values}
    empty = text.null_count / len(text)
    counts = {value: count for value, count in counts.items() if value not in missing}
    text = pc.if_else(
        pc.is_in(text, value_set=pa.array(missing, pa.string())), pa.scalar(None, pa.string()), text
    )
    besides = f" ({_listed(missing)} are taken for missing values)" if missing else ""
    if not counts:
        message = f"expected a label in some rows. Received: label={label!r}, all missing{besides}."
        raise init_error("INIT-006", message)
    if len(counts) == 1:
        message = (
            "expected at least two label values. "
            f"Received: label={label!r}, always {next(iter(counts))!r}{besides}."
        )
        raise init_error("INIT-006", message, "A model cannot learn from a constant.")
    numeric = _numeric(counts)
    warnings = _null_warnings(empty, shares, missing, words=not any(numeric.values()))
    if len(counts) == 2:
        return _binary(text, counts, warnings)
    total = sum(counts.values())
    numbers = [value for value in counts if numeric[value]]
    whole = all(float(value).is_integer() for value in numbers)
    amounts = not (whole and len(numbers) <= _MAX_INTEGER_CLASSES and total >= 5 * len(counts))
    if len(numbers) == len(counts) and amounts:
        return _regression(text, label, warnings)
    if amounts and sum(counts[value] for value in numbers) >= LEAST_NUMBERS * total:
        others = [value for value in counts if not numeric[value]]
        raise init_error(
            "INIT-010",
            f"expected classes or numbers. Received: label={label!r}, numbers but for {_listed(others)}.",
            "Leave these fields empty where they mean missing, or write them as numbers.",
        )
    if len(numbers) < len(counts) and (len(counts) > _MAX_CLASSES or len(counts) * 3 > total):
        message = (
            f"expected classes or numbers. Received: label={label!r} with {len(counts):,} different texts, "
            f"such as {next(iter(counts))[:_MOST_LETTERS]!r}."
        )
        hint = (
            "Choose a label with fewer values, or turn it into numbers; where it is a text to be written, "
            "name what it is made from with --source COL, or give --task language_model."
        )
        raise init_error("INIT-010", message, hint)
    return _multiclass(text, counts, len(numbers) == len(counts), warnings)


def _numeric(values: Iterable[str]) -> dict[str, bool]:
    """Whether each text is a number to ingest."""
    texts = list(values)
    numbers, _ = to_float(pa.array(texts, pa.string()), (), "")
    return dict(zip(texts, numbers.is_valid().to_pylist(), strict=True))


def _missing(counts: dict[str, int], null_values: list[str]) -> list[str]:
    """The label texts that mean missing: null texts, if rare or beside numbers or a pair such as yes and no.

    A null text with letters or signs that is frequent beside words, or beside one word alone, is a class.
    """
    nulls = [value for value in counts if value in null_values]
    others = [value for value in counts if value not in null_values]
    signs = {_positive(value) for value in others}
    if not others or signs == {1, -1} or any(_numeric(others).values()):
        return nulls
    least = 0 if len(others) == 1 else _CLASS_SHARE * sum(counts.values())
    return [value for value in nulls if counts[value] < least or not value.strip()]


def _null_warnings(empty: float, shares: dict[str, float], missing: list[str], words: bool) -> list[str]:
    """What is told of missing labels and of classes that look like them.

    Args:
        empty: share of the rows without a value.
        shares: share of the rows by null text.
        missing: the null texts that are taken for missing.
        words: whether the other label values are words.
    """
    found = []
    texts = ", ".join(f"{value!r} {shares[value]:.2%}" for value in missing)
    lacking = empty + sum(shares[value] for value in missing)
    if lacking:
        no_value = f"no value {empty:.2%}" if empty else ""
        hint = "; if such a text is a class, add it to `label.classes`" if missing and words else ""
        parts = ", ".join(filter(None, [no_value, texts]))
        found.append(f"the label is missing in {lacking:.2%} of the rows, which are left out ({parts}){hint}")
    found += [
        f"label text {value!r} ({share:.2%} of the rows) is taken as a class although it often means "
        "missing; if it does, remove it from `label.classes`"
        for value, share in shares.items()
        if value not in missing
    ]
    return found


def _alike(classes: list[str]) -> list[str]:
    """Warns of classes that seem to be one value in different spellings."""
    numeric = _numeric(classes)
    spellings: dict[Any, list[str]] = {}
    for value in classes:
        folded = float(value) if numeric[value] else " ".join(value.casefold().split())
        spellings.setdefault(folded, []).append(value)
    return [
        f"label texts {_listed(values)} look like one value in different spellings, but each is a class; "
        "write them alike in the data if they are one"
        for values in spellings.values()
        if len(values) > 1
    ][:_MOST_LISTED]


def _listed(values: list[str]) -> str:
    more = f" and {len(values) - _MOST_LISTED:,} more" if len(values) > _MOST_LISTED else ""
    return ", ".join(repr(value[:_MOST_LETTERS]) for value in values[:_MOST_LISTED]) + more


def _classed(
    task: str, text: Any, classes: list[str], counts: dict[str, int], notes: list[str], warnings: list[str]
) -> Target:
    index = pc.index_in(text, value_set=pa.array(classes)).cast(pa.float64())
    values = np.asarray(index.to_numpy(zero_copy_only=False), np.float64)
    rows = np.flatnonzero(~np.isnan(values))
    shares = [counts[name] / sum(counts.values()) for name in classes]
    rare = min(range(len(classes)), key=lambda position: shares[position])
    if shares[rare] < 0.05:
        notes.append(f"the label is imbalanced: {_listed([classes[rare]])} is {shares[rare]:.2%} of the rows")
    found = tuple(counts[name] for name in classes)
    warnings = [*warnings, *_alike(classes)]
    few = [name for name in classes if counts[name] < _FEW_ROWS]
    if few:
        warnings.append(
            f"fewer than {_FEW_ROWS} rows have the label {_listed(few)}; "
            "`train` or `eval` may hold none of them"
        )
    return Target(task, tuple(classes), found, rows, values[rows], tuple(notes), tuple(warnings))


def _binary(text: Any, counts: dict[str, int], warnings: list[str]) -> Target:
    first, second = sorted(counts, key=lambda value: (-counts[value], value))
    known = _positive(first) - _positive(second)
    if known > 0:
        first, second = second, first
    notes = [] if known else [f"{_listed([second])} is taken as the positive class because it is rarer"]
    return _classed("binary", text, [first, second], counts, notes, warnings)


def _positive(value: str) -> int:
    folded = value.strip().casefold()
    return (folded in _POSITIVE) - (folded in _NEGATIVE)


def _multiclass(text: Any, counts: dict[str, int], numeric: bool, warnings: list[str]) -> Target:
    notes = []
    if numeric:
        notes.append(f"{len(counts)} whole numbers are taken as classes; for amounts set `task: regression`")
    classes = sorted(counts, key=lambda value: (float(value), value) if numeric else (0.0, value))
    return _classed("multiclass", text, classes, counts, notes, warnings)


def _regression(text: Any, label: str, warnings: list[str]) -> Target:
    numbers, _ = to_float(text, (), label)
    values = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
    rows = np.flatnonzero(~np.isnan(values))
    return Target("regression", (), (), rows, values[rows], (), tuple(warnings))
