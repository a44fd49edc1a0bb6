"""What every reader yields: a batch of rows, their line numbers, and the rows that were no rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH_BYTES = 1 << 20
MAX_BATCH_ROWS = 1 << 15


@dataclasses.dataclass(frozen=True)
class Rejected:
    """A row that could not be read.

    Args:
        file: name of the file, relative where possible.
        line: number of the row; in CSV files the header is 1, blank lines do not count, and a row with
            quoted newlines counts once.
        reason: what was expected.
        text: the row.
    """

    file: str
    line: int
    reason: str
    text: str


@dataclasses.dataclass(frozen=True)
class Rows:
    """A part of a file.

    Args:
        columns: name to Arrow array of length `n`.
        lines: `(n,)` line numbers.
        whole: binary Arrow array of length `n` with the row's own bytes, if the format has them.
        rejected: rows seen since the previous batch that could not be split into fields.
        features: names that occur in the batch, in formats without a header.
    """

    columns: dict[str, Any]
    lines: npt.NDArray[np.int64]
    whole: Any = None
    rejected: tuple[Rejected, ...] = ()
    features: frozenset[str] = frozenset()
