"""Columns to framed tf.Examples, written straight in the wire format with Arrow's string kernels.

Every value becomes one map entry of `Features`; the entries of a row are joined, then wrapped as an
`Example` and as a TFRecord frame. A missing value has no entry. The bytes are canonical: entries in column
order, shortest varints. Names and lengths fix everything before a value, so those prefixes are made once
for each length that occurs, and no Python code runs for a row except its checksum. (The encoder of tfx_bsl
orders the features of an example anew each time and writes a missing value as an empty feature.)

Reference: protobuf encoding; tensorflow/core/example/{example,feature}.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.tfrecord import checksums, frame_header

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"
_FIELD_1, _FIELD_2 = b"\x0a", b"\x12"


def varint(value: int) -> bytes:
    """A base-128 varint of a number that is not negative."""
    parts = bytearray()
    while value >= 128:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _entry_prefix(name: bytes, tag: bytes, list_head: bytes, body: int) -> bytes:
    """Everything of a map entry before the last `body` bytes of its value list."""
    values = tag + varint(len(list_head) + body) + list_head
    entry = _FIELD_1 + varint(len(name)) + name + _FIELD_2 + varint(len(values) + body) + values
    return _FIELD_1 + varint(len(entry) + body) + entry


def _lengths(array: Any) -> npt.NDArray[np.int64]:
    if len(array) == 0:
        return np.zeros(0, np.int64)
    raw = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1 + array.offset)
    return np.diff(raw[array.offset :]).astype(np.int64)


def _by_length(lengths: npt.NDArray[np.int64], make: Callable[[int], bytes]) -> Any:
    """A binary array with `make(length)` for each length, called once for each that occurs."""
    values, inverse = np.unique(lengths, return_inverse=True)
    table = pa.array([make(int(value)) for value in values], pa.binary())
    return table.take(pa.array(inverse))


def _join(*columns: Any) -> Any:
    return pc.binary_join_element_wise(*columns, b"", null_handling="emit_null")


def _binary(data: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64]) -> Any:
    """A binary array cut from `data`, one piece for each length."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(lengths), buffers)


def _bytes_entries(name: bytes, text: Any) -> Any:
    """Entries of a text column; equal values of a batch are encoded once."""
    coded = text.dictionary_encode()
    values = coded.dictionary

    def prefix(length: int) -> bytes:
        return _entry_prefix(name, _BYTES_LIST, _FIELD_1 + varint(length), length)

    return _join(_by_length(_lengths(values), prefix), values).take(coded.indices)


def _float_entries(name: bytes, numbers: Any) -> Any:
    prefix = np.frombuffer(_entry_prefix(name, _FLOAT_LIST, _FIELD_1 + b"\x04", 4), np.uint8)
    values = numbers.drop_null().to_numpy().astype("<f4", copy=False)
    data = np.empty((len(values), len(prefix) + 4), np.uint8)
    data[:, : len(prefix)] = prefix
    data[:, len(prefix) :] = values.view(np.uint8).reshape(-1, 4)
    present = numbers.is_valid().to_numpy(zero_copy_only=False)
    return _binary(data.reshape(-1), present * data.shape[1])


def _varints(values: npt.NDArray[np.int64]) -> Any:
    """Int64 values as varints; a negative one takes ten bytes."""
    rest = values.view(np.uint64)[:, None] >> (np.arange(10, dtype=np.uint64) * np.uint64(7))
    lengths = np.maximum((rest != 0).sum(axis=1), 1)
    used = np.arange(10) < lengths[:, None]
    data = (rest & np.uint64(127)).astype(np.uint8)
    data[np.arange(10) < lengths[:, None] - 1] |= 128
    return _binary(data[used], lengths)


def _int64_entries(name: bytes, numbers: Any) -> Any:
    coded = numbers.dictionary_encode()
    values = _varints(np.ascontiguousarray(coded.dictionary.to_numpy()))

    def prefix(length: int) -> bytes:
        return _entry_prefix(name, _INT64_LIST, _FIELD_1 + varint(length), length)

    return _join(_by_length(_lengths(values), prefix), values).take(coded.indices)


_ENTRIES: dict[str, Callable[[bytes, Any], Any]] = {
    "bytes": _bytes_entries,
    "float": _float_entries,
    "int64": _int64_entries,
}


def encode(columns: Mapping[str, Any], storage: Mapping[str, str]) -> Any:
    """Encodes rows as framed tf.Examples.

    Args:
        columns: name to Arrow array of length `n`: binary, float32 or int64 as `storage` says.
        storage: name to `bytes`, `float` or `int64`.

    Returns:
        Binary Arrow array of length `n`: TFRecord frames, to be written one after the other.
    """
    rows = len(next(iter(columns.values())))
    if rows == 0:
        return pa.array([], pa.binary())
    entries = [_ENTRIES[storage[name]](name.encode(), column) for name, column in columns.items()]
    features = pc.binary_join_element_wise(*entries, b"", null_handling="replace", null_replacement=b"")
    lengths = _lengths(features)
    records = _join(_by_length(lengths, lambda length: _FIELD_1 + varint(length)), features)
    headers = _by_length(_lengths(records), frame_header)
    crcs = checksums(records)
    footers = pa.Array.from_buffers(pa.binary(4), rows, [None, pa.py_buffer(crcs)]).cast(pa.binary())
    return _join(headers, records, footers)
