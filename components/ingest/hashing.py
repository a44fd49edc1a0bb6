"""A fixed 64-bit hash of rows, the same on every machine and in every run, without a loop over rows.

The text of a value, bytes `b_0 ... b_{k-1}`, is hashed as `mix((sum_i (b_i + 1) P^i) xor (k + 1) Q)`
modulo 2^64, with odd constants `P`, `Q` and the finalizer `mix` of MurmurHash3. The columns of a row are
chained in the order given: `row = mix(row * P + column)`. A missing value has a constant of its own, and
the length enters the hash, so `("ab", "c")` and `("a", "bc")` differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.parsing import is_text, plain

Hashes = npt.NDArray[np.uint64]

BASE = 0x9E3779B97F4A7C15
LENGTH = 0xC2B2AE3D27D4EB4F
MISSING = 0x165667B19E3779F9
VALIDATION_SALT = 0xD6E8FEB86659FD93


def mix(values: Hashes) -> Hashes:
    """The 64-bit finalizer of MurmurHash3; `(n,)` to `(n,)`."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


def _offsets(array: Any) -> npt.NDArray[np.int64]:
    raw = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1 + array.offset)
    return raw[array.offset :].astype(np.int64)


def hash_text(text: Any) -> Hashes:
    """Hashes a binary Arrow array of length `n`; returns uint64 of shape `(n,)`."""
    if len(text) == 0:
        return np.zeros(0, np.uint64)
    present = text.fill_null(b"") if text.null_count else text
    offsets = _offsets(present)
    lengths = np.diff(offsets)
    size = int(offsets[-1] - offsets[0])
    sums = np.zeros(len(text), np.uint64)
    if size:
        data = np.frombuffer(present.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        powers = np.full(int(lengths.max()), BASE, np.uint64)
        powers[0] = 1
        np.multiply.accumulate(powers, out=powers)
        positions = np.arange(size) - np.repeat(offsets[:-1] - offsets[0], lengths)
        totals = np.zeros(size + 1, np.uint64)
        np.cumsum((data.astype(np.uint64) + np.uint64(1)) * powers[positions], out=totals[1:])
        sums = totals[offsets[1:] - offsets[0]] - totals[offsets[:-1] - offsets[0]]
    hashes = mix(sums ^ ((lengths + 1).astype(np.uint64) * np.uint64(LENGTH)))
    if text.null_count:
        hashes[pc.is_null(text).to_numpy(zero_copy_only=False)] = np.uint64(MISSING)
    return hashes


def hash_rows(columns: Iterable[Any], rows: int) -> Hashes:
    """Hashes rows of binary columns.

    Args:
        columns: binary Arrow arrays of length `n`; their order matters.
        rows: `n`.

    Returns:
        uint64 of shape `(n,)`.
    """
    result = np.zeros(rows, np.uint64)
    for column in columns:
        result = mix(result * np.uint64(BASE) + hash_text(column))
    return result


def unit(hashes: Hashes) -> npt.NDArray[np.float64]:
    """Hashes as numbers in `[0, 1)`: their upper 53 bits; `(n,)` to `(n,)`."""
    return (hashes >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def canonical(array: Any) -> Any:
    """The text of a column that is hashed: as in a CSV file, or the shortest text of a typed value.

    Returns:
        Binary Arrow array, or none for a column that holds lists, structs or the like.
    """
    array = plain(array)
    if pa.types.is_duration(array.type):
        array = array.cast(pa.int64())
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.binary())
    if pa.types.is_nested(array.type):
        return None
    if is_text(array.type):
        return array.cast(pa.binary())
    return array.cast(pa.string()).cast(pa.binary())
