"""One batch of rows: typed columns, split, and what is wrong with the rows that are left out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest import parsing
from components.ingest.hashing import Hashes, canonical, hash_rows
from components.ingest.plan import Plan
from components.ingest.problems import data_error
from components.ingest.rows import Rejected, Rows
from components.ingest.sources import Source
from components.ingest.splitting import assign

_EXPECTED = {"float": "a finite number", "int64": "a time of the years 1 to 9999", "bytes": "text"}
_TEXT_LIMIT = 100


@dataclasses.dataclass(frozen=True)
class Converted:
    """The usable rows of a batch.

    Args:
        columns: name to Arrow array of length `m`, in name order.
        splits: `(m,)` int8 indices into `splitting.SPLITS`.
        rejected: rows that cannot be used.
        unlabelled: number of rows left out because their label is missing.
    """

    columns: dict[str, Any]
    splits: npt.NDArray[np.int8]
    rejected: list[Rejected]
    unlabelled: int


class _Faults:
    """The first fault of each bad row."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.bad = np.zeros(len(rows.lines), np.bool_)
        self._faults: dict[int, tuple[str, str]] = {}

    def add(self, mask: parsing.Mask, column: str, expected: str) -> None:
        """Records the rows of a mask that have no fault yet."""
        new = mask & ~self.bad
        if new.any():
            self._faults |= dict.fromkeys(np.flatnonzero(new).tolist(), (column, expected))
            self.bad |= new

    def rejected(self, source: Source, plan: Plan, but: parsing.Mask) -> list[Rejected]:
        """The bad rows in file order, except those in the mask `but`."""
        result = []
        for i in sorted(self._faults):
            if but[i]:
                continue
            column, expected = self._faults[i]
            value = _shown(self._rows.columns[column][i])[:_TEXT_LIMIT]
            text = plan.delimiter.join(_shown(array[i]) for array in self._rows.columns.values())
            reason = f"column `{column}`: expected {expected}. Received: {value!r}"
            result.append(Rejected(source.name, int(self._rows.lines[i]), reason, text))
        return result


def _shown(scalar: Any) -> str:
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def label_column(array: Any, plan: Plan, null_values: tuple[str, ...]) -> tuple[Any, parsing.Mask]:
    """The label as class index, number or text, and the mask of values that are neither known nor missing."""
    if plan.label in plan.texts:
        return parsing.to_utf8(array, null_values, plan.label)
    if plan.classes:
        return parsing.to_index(array, plan.classes, null_values, plan.label)
    return parsing.to_float(array, null_values, plan.label)


def null_values_of(source: Source, plan: Plan) -> tuple[str, ...]:
    """The texts that mean missing in a file: those of the config in plain text, none in typed formats."""
    return plan.null_values if source.format in ("csv", "lines") else ()


def _hashes(rows: Rows, plan: Plan) -> Hashes | None:
    if not plan.rule.needs_hash:
        return None
    if plan.rule.key:
        columns = [canonical(rows.columns[name]) for name in plan.rule.key]
        for name, column in zip(plan.rule.key, columns, strict=True):
            if column is None:
                kind = rows.columns[name].type
                raise data_error(
                    "INGEST-010", f"expected single values in key `{name}`. Received: type={kind}."
                )
    elif rows.whole is not None:
        columns = [rows.whole]
    else:
        columns = [canonical(rows.columns[name]) for name in sorted(rows.columns)]
    return hash_rows([column for column in columns if column is not None], len(rows.lines))


def _typed(
    rows: Rows, plan: Plan, nulls: tuple[str, ...], faults: _Faults
) -> tuple[dict[str, Any], parsing.Mask]:
    """The columns to write, and the mask of rows whose label is missing, or a text that it belongs to."""
    result: dict[str, Any] = {}
    unlabelled = faults.bad.copy()
    for name, storage in plan.storage.items():
        array = rows.columns[name]
        expected = "text in UTF-8" if name in plan.texts else _EXPECTED[storage]
        if name == plan.label:
            result[name], bad = label_column(array, plan, nulls)
            expected = f"one of the classes {list(plan.classes)[:10]}" if plan.classes else expected
            unlabelled |= pc.is_null(result[name]).to_numpy(zero_copy_only=False) & ~bad
        elif name in plan.texts:
            result[name], bad = parsing.to_utf8(array, nulls, name)
            unlabelled |= pc.is_null(result[name]).to_numpy(zero_copy_only=False) & ~bad
        elif storage == "float":
            result[name], bad = parsing.to_float(array, nulls, name)
            if name == plan.weight:
                bad = bad | ~pc.greater_equal(result[name], 0.0).fill_null(False).to_numpy(
                    zero_copy_only=False
                )
                expected = "a weight of at least 0"
        elif storage == "int64":
            result[name], bad = parsing.to_epoch_seconds(array, nulls, name)
        else:
            result[name], bad = parsing.to_text(array, nulls, name), np.zeros(len(array), np.bool_)
        faults.add(bad, name, expected)
    return result, unlabelled


def convert(rows: Rows, source: Source, plan: Plan) -> Converted:
    """Types, checks and places a batch of rows.

    Raises:
        TandemError: `INGEST-010` for an unusable column type, `INGEST-012` for a missing label.
    """
    nulls = null_values_of(source, plan)
    faults = _Faults(rows)
    columns, unlabelled = _typed(rows, plan, nulls, faults)
    times = None
    if plan.time:
        seconds, bad = parsing.to_epoch_seconds(rows.columns[plan.time], nulls, plan.time)
        faults.add(bad | pc.is_null(seconds).to_numpy(zero_copy_only=False), plan.time, _EXPECTED["int64"])
        times = seconds.fill_null(0).to_numpy(zero_copy_only=False)
    if plan.label_missing == "error" and unlabelled.any():
        row = int(np.flatnonzero(unlabelled)[0])
        names = (plan.label, *plan.texts)
        absent = next((name for name in names if not columns[name][row].is_valid), plan.label)
        raise data_error(
            "INGEST-012",
            f"expected a label in every row. Received: file={source.name}, record={int(rows.lines[row])}, "
            f"column `{absent}` is missing.",
            "Set `label.missing` to `drop` to leave such rows out.",
        )
    splits = assign(plan.rule, len(rows.lines), _hashes(rows, plan), times, source.split)
    kept = np.flatnonzero(~faults.bad & ~unlabelled)
    if len(kept) < len(splits):
        index = pa.array(kept)
        columns = {name: array.take(index) for name, array in columns.items()}
        splits = splits[kept]
    return Converted(columns, splits, faults.rejected(source, plan, unlabelled), int(unlabelled.sum()))
