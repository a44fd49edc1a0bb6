from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.ingest.encoding import encode, varint
from components.ingest.tfrecord import FrameError, ShardWriter, read_frames

STORAGE = {"count": "int64", "text": "bytes", "value": "float"}
ROW = st.tuples(
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.binary(max_size=300)),
    st.one_of(st.none(), st.floats(width=32, allow_nan=False)),
)


def columns(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    kinds = (pa.int64(), pa.binary(), pa.float32())
    return {
        name: pa.array([row[i] for row in rows], kind)
        for i, (name, kind) in enumerate(zip(STORAGE, kinds, strict=True))
    }


def frames_bytes(frames: Any) -> bytes:
    return b"".join(frames.to_pylist())


@given(st.lists(ROW, min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_rows_read_back_with_tfx_bsl_and_missing_values_are_absent(rows: list[tuple[Any, ...]]) -> None:
    records = list(read_frames(io.BytesIO(frames_bytes(encode(columns(rows), STORAGE)))))
    decoded = ExamplesToRecordBatchDecoder().DecodeBatch(records).to_pylist()
    for row, record, read in zip(rows, records, decoded, strict=True):
        for name, value in zip(STORAGE, row, strict=True):
            assert read.get(name) == (None if value is None else [value])
            assert (name.encode() in record) or value is None


def test_a_row_of_nothing_is_an_empty_example() -> None:
    frames = encode({"value": pa.array([None], pa.float32())}, {"value": "float"})
    assert list(read_frames(io.BytesIO(frames_bytes(frames)))) == [b"\x0a\x00"]


def test_long_values_get_long_lengths() -> None:
    text = b"x" * 70_000
    frames = encode({"text": pa.array([text], pa.binary())}, {"text": "bytes"})
    (record,) = read_frames(io.BytesIO(frames_bytes(frames)))
    assert ExamplesToRecordBatchDecoder().DecodeBatch([record]).to_pylist() == [{"text": [text]}]


@pytest.mark.parametrize(
    ("value", "expected"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")]
)
def test_varints(value: int, expected: bytes) -> None:
    assert varint(value) == expected


@pytest.mark.parametrize("damage", ["cut", "length", "data", "header"])
def test_damaged_frames_are_noticed(damage: str) -> None:
    content = bytearray(frames_bytes(encode(columns([(1, b"a", 1.0)]), STORAGE)))
    if damage == "cut":
        content = content[:-1]
    elif damage == "header":
        content += b"123"
    else:
        content[0 if damage == "length" else 14] ^= 1
    with pytest.raises(FrameError):
        list(read_frames(io.BytesIO(bytes(content))))


def test_shards_close_at_their_size_and_slices_are_written_whole(tmp_path: Path) -> None:
    frames = encode(columns([(i, b"t", 0.5) for i in range(100)]), STORAGE)
    writer = ShardWriter(tmp_path / "part", gzip=False, shard_bytes=2000)
    for start in range(0, 100, 10):
        writer.write(frames.slice(start, 10))
    writer.close()
    assert len(writer.paths) > 1
    assert b"".join(path.read_bytes() for path in writer.paths) == frames_bytes(frames)
