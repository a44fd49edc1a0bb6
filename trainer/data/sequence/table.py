"""Transformed sequences in memory: the units of all examples behind one another, and where each begins."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from trainer.data.records import Columns, read_in_order
from trainer.errors import TandemError
from trainer.spec import Record, SequenceFeatureSpec
from trainer.spec.sequence import UNKNOWN

Ids = NDArray[np.int32]


@dataclasses.dataclass(frozen=True)
class Flat:
    """Sequences of ids without padding.

    Args:
        ids: int32 `(units of all,)`.
        starts: int64 `(rows + 1,)`. Row `i` is `ids[starts[i]:starts[i + 1]]`.
    """

    ids: Ids
    starts: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Units of each row, int64 `(rows,)`."""
        return np.diff(self.starts)

    def row(self, index: int) -> Ids:
        """One row, int32 `(units,)`."""
        return self.ids[self.starts[index] : self.starts[index + 1]]

    def take(self, rows: NDArray[np.int64], width: int) -> Ids:
        """Rows padded with 0, int32 `(len(rows), width)`; none may be longer than `width`.

        Example:
            >>> flat = Flat(np.array([7, 8, 9], np.int32), np.array([0, 2, 3]))
            >>> flat.take(np.array([1, 0]), 3).tolist()
            [[9, 0, 0], [7, 8, 0]]
        """
        places = np.arange(width)
        held = places < self.lengths[rows][:, None]
        found = np.zeros(held.shape, np.int32)
        found[held] = self.ids[(self.starts[rows][:, None] + places)[held]]
        return found


@dataclasses.dataclass(frozen=True)
class SequenceStatistics(Record):
    """What a split holds.

    Args:
        rows: int. Examples that are kept.
        source_units: int. Units of their sources.
        target_units: int. Units of their targets.
        weight_sum: float. Sum of their weights.
        empty: int. Examples left out since a side has no unit.
        long: int. Examples left out since a side is longer than its `max_length`.
        sha256: of all ids, lengths and weights.
    """

    rows: int
    source_units: int
    target_units: int
    weight_sum: float
    empty: int
    long: int
    sha256: str

    @property
    def tokens(self) -> int:
        """Units of both sides and the ends of the targets."""
        return self.source_units + self.target_units + self.rows


@dataclasses.dataclass(frozen=True)
class SequenceTable:
    """A split.

    Args:
        target: what is predicted.
        source: what is read; rows without a unit for a language model.
        weight: float32 `(rows,)`.
        statistics: of the rows, and of what was left out.
    """

    target: Flat
    source: Flat
    weight: NDArray[np.float32]
    statistics: SequenceStatistics

    @property
    def rows(self) -> int:
        """Number of examples."""
        return self.statistics.rows

    def pairs(self) -> Iterator[tuple[Ids, Ids]]:
        """Source and target of each row, without begin and end."""
        for index in range(self.rows):
            yield self.source.row(index), self.target.row(index)


def parse_sequences(serialized: Any, spec: SequenceFeatureSpec) -> dict[str, Any]:
    """Parses serialized examples `(batch,)`.

    Returns:
        `target` and, for a task with a source, `source`: int64 `(units of all,)`; `target_lengths` and
        `source_lengths`: int64 `(batch,)`; `weight` float32 `(batch,)`, absent ones 1.
    """
    sides = ("target",) if spec.source is None else ("source", "target")
    description: dict[str, Any] = {
        f"{side}_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for side in sides
    }
    if spec.weight:
        description["weight"] = tf.io.FixedLenFeature([], tf.float32)
    parsed = tf.io.parse_example(serialized, description)
    columns = {side: parsed[f"{side}_ids"].flat_values for side in sides}
    columns |= {f"{side}_lengths": parsed[f"{side}_ids"].row_lengths() for side in sides}
    columns["weight"] = parsed["weight"] if spec.weight else tf.ones_like(serialized, tf.float32)
    return columns


def open_sequences(files: Sequence[str | Path], spec: SequenceFeatureSpec) -> SequenceTable:
    """Reads and checks every example of a split, and keeps those with units within the limits.

    Args:
        files: TFRecord files, plain or gzip. They are read in the order of their names.
        spec: what they hold; gives the greatest lengths.

    Raises:
        TandemError: `TRAIN-101` unreadable file, `TRAIN-102` damaged file or wrong features, `TRAIN-511` no
            example is left, `TRAIN-513` an id out of range, `TRAIN-514` a weight that is not valid.
    """
    paths = tuple(sorted(Path(file) for file in files))
    parts: dict[str, list[NDArray[Any]]] = {}
    empty = long = 0
    for columns in read_in_order(paths, lambda batch: parse_sequences(batch, spec)):
        _check(columns, spec)
        none = np.zeros(len(columns["weight"]), bool)
        too_long = none.copy()
        for side, units in (("source", spec.source), ("target", spec.target)):
            if units is not None:
                none |= columns[f"{side}_lengths"] == 0
                too_long |= columns[f"{side}_lengths"] > units.max_length
        kept = ~(none | too_long)
        empty, long = empty + int(none.sum()), long + int((too_long & ~none).sum())
        for side in ("source", "target"):
            if side in columns:
                lengths = columns[f"{side}_lengths"]
                ids = columns[side][np.repeat(kept, lengths)].astype(np.int32)
                parts.setdefault(side, []).append(ids)
                parts.setdefault(f"{side}_lengths", []).append(lengths[kept])
        parts.setdefault("weight", []).append(columns["weight"][kept])
    rows = sum(len(part) for part in parts.get("weight", []))
    if rows == 0 or sum(float(part.sum()) for part in parts["weight"]) <= 0:
        raise TandemError(
            "TRAIN-511",
            "A split must hold examples with units on every side, no longer than max_length, of positive "
            f"weight. Received: files={len(paths)}, rows={rows}, empty={empty}, too long={long}",
            "Look at data.split, at the columns of the texts and at their max_length in the config.",
            exit_status=2,
        )
    if empty or long:
        logging.info("%d examples are left out: %d empty, %d too long.", empty + long, empty, long)
    return _table({name: np.concatenate(values) for name, values in parts.items()}, empty, long)


def _table(columns: Columns, empty: int, long: int) -> SequenceTable:
    weight = columns["weight"].astype(np.float32)
    nothing = np.zeros(0, np.int32), np.zeros(len(weight), np.int64)
    target = _flat(columns["target"], columns["target_lengths"])
    source = _flat(*((columns["source"], columns["source_lengths"]) if "source" in columns else nothing))
    digest = hashlib.sha256()
    for array in (source.ids, source.starts, target.ids, target.starts, weight):
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    statistics = SequenceStatistics(
        len(weight),
        len(source.ids),
        len(target.ids),
        float(weight.sum(dtype=np.float64)),
        empty,
        long,
        digest.hexdigest(),
    )
    return SequenceTable(target, source, weight, statistics)


def _flat(ids: NDArray[Any], lengths: NDArray[Any]) -> Flat:
    return Flat(ids, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]))


def _check(columns: Columns, spec: SequenceFeatureSpec) -> None:
    for side, units in (("source", spec.source), ("target", spec.target)):
        if units is None:
            continue
        bad = (columns[side] < UNKNOWN) | (columns[side] >= units.size)
        if bad.any():
            raise TandemError(
                "TRAIN-513",
                f"An id of {units.column} must be in [{UNKNOWN}, {units.size}). "
                f"Received: {int(columns[side][np.argmax(bad)])}",
                "Run the transform step again.",
            )
    weight = columns["weight"]
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        raise TandemError(
            "TRAIN-514",
            "A weight must be finite and not negative. Received: weight="
            f"{float(weight[np.argmax(bad)])} in one of {len(weight)} examples",
            "Look at data.weight_column in the source data.",
            exit_status=2,
        )
