from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest.problems import CODES

HEADER = "color,size,at,y\n"
LINES = [f"c{i % 7},{i / 8},{1_600_000_000 + i * 3600},{'yes' if i % 3 else 'no'}" for i in range(600)]
TEXT = HEADER + "\n".join(LINES) + "\n"
HASH = {"by": "hash"}


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def twice_named() -> bytes:
    names = ["color", "size", "at", "y", "size"]
    return parquet(pa.Table.from_arrays([pa.array(["1"])] * 5, names=names))


def misnamed_zip() -> bytes:
    """An archive whose file is named in bytes that are not the UTF-8 they claim to be."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("Zürich.csv", TEXT)
    return sink.getvalue().replace("ü".encode(), b"\xaf\xaf")


def damaged_zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", TEXT)
    content = bytearray(sink.getvalue())
    for position in (60, len(content) // 2, len(content) // 2 + 1):
        content[position] ^= 0xFF
    return bytes(content)


TRUNCATED = parquet(pa.table({"y": ["yes"]}))[:-6]
ERRORS: list[tuple[str, str, str | bytes, dict[str, Any]]] = [
    ("INGEST-002", "other.csv", TEXT, {}),
    ("INGEST-002", "train.csv/notes.md", "x", {}),
    ("INGEST-003", "train.csv", "", {}),
    ("INGEST-003", "train.csv", "\n\n", {}),
    ("INGEST-003", "train.parquet", "", {"path": "train.parquet"}),
    ("INGEST-004", "train.csv", HEADER, {}),
    ("INGEST-005", "train.csv", HEADER.encode() + b"red,1,1,yes\nbl\xe9u,1,1,yes\n", {}),
    ("INGEST-005", "train.csv", TEXT.encode("utf-16"), {}),
    ("INGEST-006", "train.csv", TEXT.replace(",", ";"), {}),
    ("INGEST-006", "train.csv", TEXT, {"delimiter": "|"}),
    ("INGEST-006", "train.csv", TEXT.replace(",", ";").replace("y", "y;a, b", 1), {}),
    ("INGEST-007", "train.csv", "color,size,at,y,size\n", {}),
    ("INGEST-007", "train.parquet", twice_named(), {"path": "train.parquet"}),
    ("INGEST-008", "train.csv", TEXT.replace("color", "colour"), {}),
    ("INGEST-008", "train.parquet", parquet(pa.table({"y": ["yes"]})), {"path": "train.parquet"}),
    ("INGEST-009", "train.csv", gzip.compress(TEXT.encode())[:-20], {}),
    ("INGEST-009", "train.csv", b"\x1f\x8bnot gzip at all", {}),
    ("INGEST-009", "train.csv", b"PK\x03\x04 not a zip", {}),
    ("INGEST-009", "train.csv", damaged_zip(), {}),
    ("INGEST-009", "train.csv", misnamed_zip(), {}),
    ("INGEST-009", "train.parquet.gz", gzip.compress(TRUNCATED), {"path": "train.parquet.gz"}),
    ("INGEST-009", "train.parquet", TRUNCATED, {"path": "train.parquet"}),
    ("INGEST-009", "train.parquet", TEXT, {"path": "train.parquet"}),
    ("INGEST-009", "train.tfrecord", TEXT, {"path": "train.tfrecord"}),
    ("INGEST-011", "train.csv", HEADER + "red,x,1,yes\nred,1,1,yes\n", {}),
    ("INGEST-012", "train.csv", HEADER + "red,1,1,yes\nred,1,1,\n", {"label": {"missing": "error"}}),
    ("INGEST-016", "train.csv", TEXT, {"path": "train-{SPAN}.csv"}),
    ("INGEST-017", "train.csv", HEADER + "red,1,1,yes\n", {}),
    ("INGEST-017", "train.csv", TEXT,
     {"split": {"by": "time", "validation_from": "2030-01-01"}, "time_column": "at"}),
    ("INGEST-018", "train.csv", HEADER + '"red,1,1,yes\n' + "red,1,1,yes\n" * 200_000, {}),
    ("INGEST-018", "train.csv", HEADER + 'red,1,1,yes\n"red,1,1,yes\nred,1,1,yes\n', {}),
    ("INGEST-018", "train.csv", "k" * 200_000 + "," + TEXT, {}),
    ("INGEST-001", "train.csv", TEXT, {"split": {"by": "time"}}),
    ("INGEST-001", "train.csv", TEXT, {"split": {"by": "files"}}),
    ("INGEST-001", "train.csv", TEXT, {"split": {"by": "time", "eval_from": "x"}, "time_column": "at"}),
    ("INGEST-001", "train.csv", TEXT, {"path": None}),
    ("INGEST-001", "train.csv", TEXT, {"task": "regression"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "name", "content", "given"), ERRORS)
def test_unusable_data_has_one_clear_error_and_leaves_nothing(
    place: Any, code: str, name: str, content: str | bytes, given: dict[str, Any]
) -> None:
    place.write(name, content)
    error = place.fails(lambda: place.run(**{"path": "train.csv", "split": HASH, **given}))
    assert error.code == code
    assert "Received" in error.message


def test_messages_name_lines_and_nearest_columns(place: Any) -> None:
    place.write("train.csv", TEXT.replace("color", "colour"))
    assert (
        "`color` (nearest: `colour`)" in place.fails(lambda: place.run(path="train.csv", split=HASH)).message
    )
    place.write("train.csv", HEADER.encode() + b"red,1,1,yes\nbl\xe9u,1,1,yes\n")
    assert "line=3" in place.fails(lambda: place.run(path="train.csv", split=HASH)).message


def test_a_column_of_lists_is_refused_and_a_bad_zip_too(place: Any) -> None:
    rows = {"color": ["a"], "size": [[1.0]], "at": [1], "y": ["yes"]}
    place.write("train.parquet", parquet(pa.table(rows)))
    assert place.fails(lambda: place.run(path="train.parquet", split=HASH)).code == "INGEST-010"
    with zipfile.ZipFile(place.base / "two.csv.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    error = place.fails(lambda: place.run(path="two.csv.zip", split=HASH))
    assert error.code == "INGEST-009"
    assert "2 files" in error.message


def test_every_code_has_a_test() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [code for code in CODES if code not in text] == []
