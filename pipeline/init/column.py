"""One column of the sample, read as what it seems to be."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["categorical", "numeric", "timestamp", "dropped"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass
class Column:
    """Values and kind of a column.

    Args:
        name: as in the file.
        kind: `dropped` columns are no features.
        reason: why it is dropped. Defaults to `""`.
        codes: `(rows,)`, position of the value in `values`, `-1` if missing; empty for floats of Parquet.
        values: distinct texts, Arrow array.
        numbers: `(rows,)`, the numbers, NaN if missing; epoch seconds for times. `None` for text.
        missing: share of rows without a value. Defaults to `0.0`.
        distinct: number of different values. Defaults to `0`.
        hashed: categorical with too many values for a vocabulary. Defaults to `False`.
        integers: whether all values are whole numbers. Defaults to `False`.
    """

    name: str
    kind: Kind
    reason: str = ""
    codes: Ints = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    values: Any = None
    numbers: Floats | None = None
    missing: float = 0.0
    distinct: int = 0
    hashed: bool = False
    integers: bool = False

    def drop(self, reason: str) -> Column:
        """Leaves the column out of the features."""
        self.kind, self.reason = "dropped", reason
        return self

    def take(self, rows: Ints) -> Column:
        """The column in other rows."""
        return dataclasses.replace(
            self,
            codes=self.codes[rows] if len(self.codes) else self.codes,
            numbers=None if self.numbers is None else self.numbers[rows],
        )
