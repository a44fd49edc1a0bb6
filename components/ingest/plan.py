"""What is to be read, made once from the config sections and handed to every shard."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from components.ingest.parsing import to_epoch_seconds
from components.ingest.problems import data_error

STORAGE_OF_KIND = {"categorical": "bytes", "numeric": "float", "timestamp": "int64", "text": "bytes"}
_TEXT_TASKS = ("seq2seq", "language_model")


@dataclasses.dataclass(frozen=True)
class SplitRule:
    """How a row gets its split.

    Args:
        by: `hash`, `time` or `files`.
        key: columns whose text is hashed; empty for the whole row.
        eval_fraction: share in `[0, 1)` of rows for `eval`.
        validation_fraction: share in `[0, 1)` of the other rows for `validation`.
        eval_from: first UTC epoch second of `eval`; none until it is found in the data.
        validation_from: first UTC epoch second of `validation`; none to choose by hash.
        validation_files: whether the `validation` split has files of its own.
    """

    by: str
    key: tuple[str, ...]
    eval_fraction: float
    validation_fraction: float
    eval_from: int | None
    validation_from: int | None
    validation_files: bool

    @property
    def validation_given(self) -> bool:
        """Whether `validation` has a time or files of its own."""
        return self.validation_files or self.validation_from is not None

    @property
    def has_validation(self) -> bool:
        """Whether a `validation` split is asked for; by hash it may turn out without rows."""
        return self.validation_given or self.validation_fraction > 0

    @property
    def needs_hash(self) -> bool:
        """Whether any row is placed by its hash."""
        return self.by == "hash" or (not self.validation_given and self.validation_fraction > 0)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The columns to read and to write, and the split rule.

    Args:
        storage: output column to `bytes`, `float` or `int64`, in name order.
        label: label column.
        classes: label texts by index; empty for regression and for a text.
        label_missing: `drop` or `error`.
        weight: weight column, if any.
        time: column with the time of a row, only if the split needs it.
        delimiter: of CSV files.
        null_values: CSV texts that mean a missing value.
        rule: the split rule.
        texts: columns of text, the label of a sequence task among them. Defaults to `()`.
    """

    storage: dict[str, str]
    label: str
    classes: tuple[str, ...]
    label_missing: str
    weight: str | None
    time: str | None
    delimiter: str
    null_values: tuple[str, ...]
    rule: SplitRule
    texts: tuple[str, ...] = ()

    @property
    def whole_row(self) -> bool:
        """Whether all columns of a file are hashed."""
        return self.rule.needs_hash and not self.rule.key

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a file must have."""
        names = dict.fromkeys(self.storage)
        if self.time:
            names[self.time] = None
        if self.rule.needs_hash:
            names |= dict.fromkeys(self.rule.key)
        return tuple(names)


def _instant(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    seconds, bad = to_epoch_seconds(pa.array([text], pa.string()), (), field)
    if bad[0] or not seconds[0].is_valid:
        raise data_error("INGEST-001", f"expected an ISO 8601 time. Received: data.split.{field}={text!r}.")
    return int(seconds[0].as_py())


def split_rule(data: Mapping[str, Any]) -> SplitRule:
    """Derives the split rule from the data section.

    Raises:
        TandemError: `INGEST-001` if the section contradicts itself.
    """
    split, time = data["split"], data["time_column"]
    by = split["by"]
    if by == "time" and not time:
        raise data_error(
            "INGEST-001",
            "expected a time column for a split by time. Received: data.time_column=null.",
            "Set `data.time_column`.",
        )
    if by == "files" and not (split["train_files"] and split["eval_files"]):
        raise data_error(
            "INGEST-001",
            "expected the files of both splits. Received: data.split.train_files="
            f"{split['train_files']!r}, data.split.eval_files={split['eval_files']!r}.",
            "Set both globs.",
        )
    rule = SplitRule(
        by=by,
        key=tuple(split["key"]),
        eval_fraction=split["eval_fraction"],
        validation_fraction=split["validation_fraction"],
        eval_from=_instant("eval_from", split["eval_from"]) if by == "time" else None,
        validation_from=_instant("validation_from", split["validation_from"]) if by == "time" else None,
        validation_files=bool(split["validation_files"]) and by == "files",
    )
    if (
        rule.eval_from is not None
        and rule.validation_from is not None
        and rule.validation_from >= rule.eval_from
    ):
        raise data_error(
            "INGEST-001",
            "expected `validation_from` before `eval_from`. Received: data.split.validation_from="
            f"{split['validation_from']!r}, data.split.eval_from={split['eval_from']!r}.",
        )
    return rule


def make_plan(
    data: Mapping[str, Any], label: Mapping[str, Any], task: str, features: Mapping[str, Mapping[str, Any]]
) -> Plan:
    """Derives the plan from the config sections.

    A column in several roles is stored once: as label before weight, before feature, before kept text.

    Raises:
        TandemError: `INGEST-001` if the sections contradict each other.
    """
    storage = dict.fromkeys(data["keep"], "bytes")
    storage |= {name: STORAGE_OF_KIND[feature["kind"]] for name, feature in features.items()}
    if data["weight_column"]:
        storage[data["weight_column"]] = "float"
    texts = [name for name, feature in features.items() if feature["kind"] == "text"]
    if (task in ("binary", "multiclass")) != bool(label["classes"]):
        raise data_error(
            "INGEST-001",
            "expected label classes for binary and multiclass tasks and none for others. "
            f"Received: task={task!r}, label.classes={label['classes']!r}.",
        )
    storage[label["column"]] = "int64" if label["classes"] else "float"
    if task in _TEXT_TASKS:
        storage[label["column"]] = "bytes"
        texts.append(label["column"])
    rule = split_rule(data)
    return Plan(
        storage=dict(sorted(storage.items())),
        label=label["column"],
        classes=tuple(label["classes"]),
        label_missing=label["missing"],
        weight=data["weight_column"],
        time=data["time_column"] if rule.by == "time" else None,
        delimiter=data["delimiter"],
        null_values=tuple(data["null_values"]),
        rule=rule,
        texts=tuple(texts),
    )
