"""One split: checked once from end to end, then held in memory or read again for each epoch."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import logging

from trainer.data.labels import LabelAccumulator, LabelStatistics
from trainer.data.records import Columns, parse, read_in_order
from trainer.errors import TandemError
from trainer.spec import FeatureSpec

DEFAULT_MEMORY_BYTES = 2 << 30


@dataclasses.dataclass(frozen=True)
class Split:
    """The examples of a split.

    Args:
        files: TFRecord files, in reading order.
        spec: what the examples hold.
        statistics: of the labels; its `rows` is the size of the split.
        columns: the parsed arrays, or None if they exceeded the memory budget and are streamed.
    """

    files: tuple[Path, ...]
    spec: FeatureSpec
    statistics: LabelStatistics
    columns: Columns | None

    @property
    def rows(self) -> int:
        """Number of examples."""
        return self.statistics.rows


def open_split(
    files: Sequence[str | Path], spec: FeatureSpec, memory_bytes: int = DEFAULT_MEMORY_BYTES
) -> Split:
    """Reads and checks every example of a split.

    Args:
        files: TFRecord files, plain or gzip. They are read in the order of their names.
        spec: the features they hold.
        memory_bytes: int. Bytes of parsed arrays up to which the split stays in memory; beyond, it is read
            again from its files for each epoch. Defaults to `2147483648` (2 GiB).

    Raises:
        TandemError: `TRAIN-101` unreadable file, `TRAIN-102` damaged file or wrong features, `TRAIN-103` no
            rows, `TRAIN-104` a label that is not valid, `TRAIN-105` a weight that is not valid, `TRAIN-106`
            an id out of range, `TRAIN-107` a dense value that is not finite.
    """
    paths = tuple(sorted(Path(file) for file in files))
    accumulator = LabelAccumulator(spec)
    parts: list[Columns] | None = []
    held_bytes = rows = 0
    for columns in read_in_order(paths, functools.partial(parse, spec=spec)):
        _check(columns, spec, rows)
        rows += len(columns["label"])
        accumulator.add(columns["label"], columns["weight"])
        held_bytes += sum(values.nbytes for values in columns.values())
        if parts is not None and held_bytes <= memory_bytes:
            parts.append(columns)
        else:
            parts = None
    statistics = accumulator.result()
    if rows == 0 or statistics.weight_sum <= 0:
        raise TandemError(
            "TRAIN-103",
            f"A split must hold examples with a positive weight. Received: files={len(paths)}, rows={rows}",
            "Look at data.split and data.weight_column in the config.",
            exit_status=2,
        )
    if parts is None:
        logging.info("%d rows need %d MiB: streamed from files", rows, held_bytes >> 20)
        return Split(paths, spec, statistics, None)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Split(paths, spec, statistics, joined)


def _check(columns: Columns, spec: FeatureSpec, first_row: int) -> None:
    label, weight = columns["label"], columns["weight"]
    classes = max(2, spec.num_classes)
    if spec.task == "regression":
        _refuse(~np.isfinite(label), "TRAIN-104", "A label must be finite.", label, first_row)
    else:
        bad = (label < 0) | (label >= classes) | (label != np.floor(label))
        _refuse(bad, "TRAIN-104", f"A label must be a class index below {classes}.", label, first_row)
    bad = ~(np.isfinite(weight) & (weight >= 0))
    _refuse(bad, "TRAIN-105", "A weight must be finite and not negative.", weight, first_row)
    for part, known in (("wide_ids", spec.wide), ("deep_ids", spec.deep)):
        if known:
            ids, sizes = columns[part], np.array([column.size for column in known])
            if ids.min() < 0 or (ids.max(axis=0) >= sizes).any():
                _refuse_column((ids < 0) | (ids >= sizes), "TRAIN-106", "An id must be in [0, size).",
                               [column.name for column in known], ids, first_row)  # fmt: skip
    if spec.dense:
        dense = columns["dense"]
        if not np.isfinite(dense).all():
            _refuse_column(~np.isfinite(dense), "TRAIN-107", "A dense value must be finite.",
                           list(spec.dense), dense, first_row)  # fmt: skip


def _refuse(bad: np.ndarray, code: str, expected: str, values: np.ndarray, first_row: int) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise TandemError(
            code,
            f"{expected} Received: {values[row]} in row {first_row + row}",
            "Look at the column in the source data and in the config.",
            exit_status=2,
        )


def _refuse_column(
    bad: np.ndarray, code: str, expected: str, names: list[str], values: np.ndarray, first_row: int
) -> None:
    row, column = (int(index) for index in np.argwhere(bad)[0])
    raise TandemError(
        code,
        f"{expected} Received: column={names[column]}, value={values[row, column]} in row {first_row + row}",
        "Look at the column in the source data, or run the transform step again.",
        exit_status=2,
    )
