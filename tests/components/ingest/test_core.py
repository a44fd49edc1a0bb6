from __future__ import annotations

import bz2
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest import shard
from components.ingest.plan import make_plan
from components.ingest.sources import Source
from pipeline.config.model import Data

HEADER = "color,size,at,y\n"
LINES = [f"c{i % 7},{i / 8},{1_600_000_000 + i * 3600},{'yes' if i % 3 else 'no'}" for i in range(600)]
TEXT = HEADER + "\n".join(LINES) + "\n"
HASH = {"by": "hash"}


def letters(place: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.output / "dead_letter.jsonl").read_text().splitlines()]


def test_columns_get_the_storage_of_their_kind_and_missing_values_are_absent(place: Any) -> None:
    report = place.run_lines(
        "red,1.5,2020-01-01,yes", "NA,,,no", '"a ""b"", c",-2,1970-01-01T00:00:09Z,no', "blue,3,NA,NA"
    )
    assert place.rows() == [
        {"color": b"red", "size": 1.5, "at": 1_577_836_800, "y": 1},
        {"y": 0},
        {"color": b'a "b", c', "size": -2.0, "at": 9, "y": 0},
    ]
    assert (report.rows, report.unlabelled, report.bad) == ({"train": 3, "eval": 1}, 1, 0)
    assert report.columns == {"at": "int64", "color": "bytes", "size": "float", "y": "int64"}
    assert json.loads((place.output / "ingest.json").read_text()) == report.as_json()
    assert [path.name for path in (place.output / "Split-train").iterdir()] == [
        "data_tfrecord-00000-of-00001"
    ]


def test_kept_columns_weight_and_a_regression_label(place: Any) -> None:
    content = "id,size,w,y\nab,1,0.5,2.5\n7,2,,1\n8,2,-1,1\n9,3,2,NA\n"
    place.write("train.csv", content)
    place.write("eval.csv", content)
    report = place.run(
        features={"size": {"kind": "numeric"}}, task="regression", label={"classes": []}, keep=["id"],
        weight_column="w", max_bad_row_fraction=1.0,
    )  # fmt: skip
    assert place.rows() == [{"id": b"ab", "size": 1.0, "w": 0.5, "y": 2.5}]
    assert (report.unlabelled, report.bad) == (2, 4)


def test_bad_rows_go_to_the_dead_letter_with_file_line_and_reason(place: Any) -> None:
    place.run_lines(
        "red,1,2020-01-01,yes",
        "red,2",
        "red,x,2020-01-01,yes",
        "red,3,2020-01-01,yes",
        "red,4,2020-02-30,yes",
        "red,5,2020-01-01,maybe",
        "red,6,2020-01-01,yes," + "z" * 600,
        "red,inf,2020-01-01,yes",
        max_bad_row_fraction=0.99,
    )
    assert [row["size"] for row in place.rows()] == [1.0, 3.0]
    found = letters(place)
    assert [(letter["file"], letter["line"]) for letter in found] == [
        ("train.csv", line) for line in (3, 4, 6, 7, 8, 9)
    ]
    reasons = [letter["reason"] for letter in found]
    assert reasons[0] == "expected 4 fields, found 2"
    assert reasons[1] == "column `size`: expected a finite number. Received: 'x'"
    assert "column `at`: expected a time" in reasons[2]
    assert "column `y`: expected one of the classes ['no', 'yes']" in reasons[3]
    assert found[1]["text"] == "red,x,2020-01-01,yes"
    assert len(found[4]["text"]) == 500


def test_the_share_of_bad_rows_is_limited(place: Any) -> None:
    lines = [f"red,{i},1,yes" for i in range(97)] + ["red,x,1,yes", "red,1,1"]
    assert place.run_lines(*lines, max_bad_row_fraction=0.02).bad == 2
    place.output = place.output.parent.parent / "again" / "x"
    error = place.fails(lambda: place.run_lines(*lines, max_bad_row_fraction=0.019))
    assert error.code == "INGEST-011"
    assert "2 rows" in error.message
    assert "train.csv, record 99: " in error.message


def test_too_many_bad_rows_are_listed_in_the_log(place: Any, caplog: pytest.LogCaptureFixture) -> None:
    error = place.fails(lambda: place.run_lines("red,1,1,yes", *["red,x,1,yes"] * 1001))
    assert "The log of this step lists the first 1,000 of them." in error.hint
    listed = [r.getMessage().split(": ", 1)[1] for r in caplog.records if "Dead letter" in r.getMessage()]
    assert [json.loads(letter)["line"] for letter in listed] == list(range(3, 1003))
    few = place.fails(lambda: place.run_lines("red,x,1,yes"))
    assert "The log of this step lists them." in few.hint


def test_a_task_that_is_run_again_leaves_each_dead_letter_once(place: Any, tmp_path: Path) -> None:
    path = place.write("all.csv", HEADER + "red,x,1,yes\nred,1\n" + "\n".join(LINES))
    data = Data(path="all.csv").model_dump(mode="json")
    label = {"column": "y", "classes": ["no", "yes"], "missing": "drop"}
    plan = make_plan(data, label, "binary", {"size": {"kind": "numeric"}})
    task = shard.Task((Source(path, "all.csv", "csv"),), (0,), plan, shard.Selection(), tmp_path, False)
    shard.run(task)
    once = task.dead_letter.read_text()
    shard.run(task)
    assert task.dead_letter.read_text() == once
    assert len(once.splitlines()) == 2


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def table() -> pa.Table:
    import pyarrow.csv

    return pyarrow.csv.read_csv(
        io.BytesIO(TEXT.encode()),
        convert_options=pyarrow.csv.ConvertOptions(column_types={"color": pa.string()}),
    )


def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", content)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("all.csv.gz", lambda: gzip.compress(TEXT.encode())),
        ("all.csv.bz2", lambda: bz2.compress(TEXT.encode())),
        ("all.csv.zst", lambda: bytes(pa.compress(TEXT.encode(), "zstd"))),
        ("all.csv.zip", lambda: zipped(TEXT.encode())),
        ("all.csv", lambda: b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()),
        ("all.csv", lambda: TEXT.rstrip("\n").encode()),
        ("all.parquet", lambda: parquet(table(), compression="zstd", row_group_size=100)),
        ("all.parquet", lambda: parquet(table().cast(pa.schema([
            ("color", pa.dictionary(pa.int32(), pa.string())), ("size", pa.float32()),
            ("at", pa.timestamp("s", "UTC")), ("y", pa.large_string())])))),
    ],
)  # fmt: skip
def test_every_container_gives_the_same_rows(place: Any, name: str, pack: Callable[[], bytes]) -> None:
    split = {"by": "hash", "key": ["color"], "validation_fraction": 0.0, "eval_fraction": 0.5}
    place.write("plain.csv", TEXT)
    place.run(path="plain.csv", split=split)
    expected = place.files()
    place.write(name, pack())
    place.run(path=name, split=split)
    assert place.files() == expected


def test_tfrecord_output_can_be_ingested_again(place: Any) -> None:
    place.write("all.csv", TEXT + "NA,,5,yes\n")
    place.run(path="all.csv", split=HASH, compression="gzip")
    before = place.rows("train") + place.rows("validation") + place.rows("eval")
    (place.output / "Split-train").rename(place.base / "again")
    for path in (place.base / "again").iterdir():
        path.rename(path.with_name(path.name.replace("data", "train")))
    for path in (place.output / "Split-eval").iterdir():
        path.rename(place.base / path.name.replace("data", "eval"))
    place.run(
        label={"classes": ["0", "1"]},
        split={"by": "files", "train_files": "again/*", "eval_files": "eval*", "validation_fraction": 0.0},
    )
    again = place.rows("train") + place.rows("eval")
    assert all(row in before for row in again)
    assert len(again) > 400


def texts(values: list[str]) -> pa.Array:
    return pa.array([[value.encode()] for value in values], pa.list_(pa.binary()))


def examples(**columns: pa.Array) -> list[bytes]:
    from tfx_bsl.coders.example_coder import RecordBatchToExamples

    return list(RecordBatchToExamples(pa.record_batch(columns)))


def test_a_tfrecord_feature_must_occur_in_some_file_not_in_each(place: Any) -> None:
    size = pa.array([[1.0]], pa.list_(pa.float32()))
    features = {"size": {"kind": "numeric"}}
    place.write_tfrecord("train-0.tfrecord", examples(size=size, y=texts(["yes"])))
    place.write_tfrecord("train-1.tfrecord", examples(y=texts(["no"])))
    place.write_tfrecord("eval.tfrecord", examples(y=texts(["no"])))
    place.run(features=features)
    assert place.rows() == [{"size": 1.0, "y": 1}, {"y": 0}]
    place.output = place.output.parent.parent / "again" / "x"
    absent = place.fails(lambda: place.run(features={"sise": {"kind": "numeric"}}))
    assert absent.code == "INGEST-008"
    assert "`sise` (nearest: `size`) in any of 3 TFRecord files" in absent.message


def test_a_split_by_time_names_the_tfrecord_feature_that_is_nowhere(place: Any) -> None:
    place.write_tfrecord("all.tfrecord", examples(at=texts(["2020-01-01"])))
    given = {"path": "all.tfrecord", "split": {"by": "time"}, "time_column": "at"}
    error = place.fails(lambda: place.run(**given))
    assert (error.code, "`y`" in error.message) == ("INGEST-008", True)


def test_features_of_two_types_are_refused(place: Any) -> None:
    whole = examples(size=pa.array([[1]], pa.list_(pa.int64())), y=texts(["yes"]))
    part = examples(size=pa.array([[1.5]], pa.list_(pa.float32())), y=texts(["yes"]))
    place.write_tfrecord("all.tfrecord", whole + part)
    error = place.fails(lambda: place.run(path="all.tfrecord", split=HASH))
    assert error.code == "INGEST-010"
    assert '"size"' in error.message


def test_a_damaged_or_multivalued_example_is_a_bad_row(place: Any) -> None:
    size = pa.array([[1.0], [1.0, 2.0], None], pa.list_(pa.float32()))
    records = [*examples(size=size, y=texts(["yes"] * 3)), b"\xff\xff"]
    place.write_tfrecord("train.tfrecord", records)
    place.write_tfrecord("eval.tfrecord", records)
    place.run(features={"size": {"kind": "numeric"}}, max_bad_row_fraction=1.0)
    assert place.rows() == [{"size": 1.0, "y": 1}, {"y": 1}]
    assert sorted(letter["line"] for letter in letters(place)) == [2, 2, 4, 4]


def test_many_files_give_the_same_bytes_whatever_the_workers(place: Any) -> None:
    for i in range(5):
        place.write(f"parts/sub/p{i}.csv", HEADER + "\n".join(LINES[i * 120 : (i + 1) * 120]) + "\nbad\n")
    place.write("parts/_hidden.csv", "no rows")
    place.write("parts/README.md", "no rows")
    place.write("parts/README.txt", "no rows")
    given = {
        "path": "parts",
        "split": {"by": "time"},
        "time_column": "at",
        "max_bad_row_fraction": 0.1,
        "limit": 400,
    }
    report = place.run(**given)
    one = place.files()
    assert report.files == [f"parts/sub/p{i}.csv" for i in range(5)]
    place.run(
        ("--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_threading"), **given
    )
    assert place.files() == one
    assert "Split-train/data_tfrecord-00000-of-00004" in one
    assert sum(report.rows.values()) == 400
    assert [letter["line"] for letter in letters(place)] == [122] * 5
    place.write("whole.csv", TEXT)
    whole = place.run(**{**given, "path": "whole.csv"})
    assert (whole.rows, whole.eval_from) == (report.rows, report.eval_from)


def test_an_error_in_one_of_many_files_keeps_its_code(place: Any) -> None:
    place.write("p/a.csv", TEXT)
    place.write("p/b.csv", "")
    place.write("p/c.csv", TEXT)
    assert place.fails(lambda: place.run(path="p", split=HASH)).code == "INGEST-003"


def test_the_limit_takes_evenly_spaced_rows(place: Any) -> None:
    place.write("all.csv", TEXT)
    report = place.run(path="all.csv", split={"by": "hash", "validation_fraction": 0.0}, limit=60)
    sizes = sorted(row["size"] * 8 for split in ("train", "eval") for row in place.rows(split))
    assert sizes == list(range(0, 600, 10))
    assert (report.read, sum(report.rows.values())) == (600, 60)
    assert sum(place.run(path="all.csv", split=HASH, limit=10_000).rows.values()) == 600


def test_rows_with_equal_keys_stay_together_and_whole_rows_ignore_the_order_of_columns(place: Any) -> None:
    place.write("all.csv", TEXT)
    place.run(path="all.csv", split={"by": "hash", "key": ["color"], "eval_fraction": 0.4})
    colors = [{row["color"] for row in place.rows(split)} for split in ("train", "validation", "eval")]
    assert sum(len(found) for found in colors) == 7
    place.run(path="all.csv", split=HASH)
    expected = place.files()
    swapped = [",".join(line.split(",")[::-1]) for line in [HEADER.strip(), *LINES]]
    place.write("all.csv", "\n".join(swapped))
    place.run(path="all.csv", split=HASH)
    assert place.files() == expected


def test_splits_by_time_at_given_moments(place: Any) -> None:
    place.write("all.csv", TEXT)
    split = {"by": "time", "validation_from": "2020-09-20T00:00:00Z", "eval_from": "2020-10-01"}
    place.run(path="all.csv", time_column="at", split=split)
    last = {name: max(row["at"] for row in place.rows(name)) for name in ("train", "validation", "eval")}
    assert last["train"] < 1_600_560_000 <= last["validation"] < 1_601_510_400 <= last["eval"]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_split_that_is_asked_for_is_written_even_without_rows(place: Any, compression: str) -> None:
    place.write("all.csv", TEXT)
    split = {"by": "hash", "validation_fraction": 1e-9}
    report = place.run(path="all.csv", split=split, compression=compression)
    assert report.rows["validation"] == 0
    (file,) = (place.output / "Split-validation").iterdir()
    assert gzip.decompress(file.read_bytes()) == b"" if compression == "gzip" else file.stat().st_size == 0
    none = place.run(path="all.csv", split={"by": "hash", "validation_fraction": 0.0})
    assert list(none.rows) == ["train", "eval"]
    assert not (place.output / "Split-validation").exists()


def test_a_whole_parquet_file_may_hold_any_type_beside_the_features(place: Any) -> None:
    odd = {"uuid": pa.array([b"\xff\xfe", b"ab"] * 300, pa.binary(2)), "list": pa.array([[1]] * 600),
           "half": pa.array(np.arange(600, dtype=np.float16))}  # fmt: skip
    content = table()
    for name, column in odd.items():
        content = content.append_column(name, column)
    place.write("all.parquet", parquet(content))
    given = {"path": "all.parquet", "split": {"by": "hash", "validation_fraction": 0.0}}
    kinds = {"uuid": {"kind": "categorical"}, "half": {"kind": "categorical"}}
    assert sum(place.run(features=kinds, **given).rows.values()) == 600
    rows = place.rows("train") + place.rows("eval")
    assert {row["uuid"] for row in rows} == {b"\xff\xfe", b"ab"}
    assert {row["half"] for row in rows} == {str(i).encode() for i in range(600)}


def test_spans_are_read_in_a_window(place: Any) -> None:
    for span in (1, 2, 3):
        place.write(f"s-{span}.csv", HEADER + "\n".join(LINES[span * 100 : span * 100 + 100]))
    report = place.run(path="s-{SPAN}.csv", window=2, split=HASH)
    assert (report.spans, report.span, report.version, report.files) == (
        [2, 3],
        3,
        None,
        ["s-2.csv", "s-3.csv"],
    )
    assert place.run(path="s-{SPAN}.csv", span=1, split=HASH).files == ["s-1.csv"]


def test_a_quoted_newline_is_part_of_the_value(place: Any) -> None:
    place.run_lines('"two\nlines",1,1,yes', "", "one,2,1,no")
    assert [row["color"] for row in place.rows()] == [b"two\nlines", b"one"]


def test_an_output_directory_with_files_is_not_touched(place: Any) -> None:
    place.write("all.csv", TEXT)
    place.output.parent.mkdir()
    taken = place.output.with_name("examples-1")
    taken.mkdir()
    place.run(path="all.csv", split=HASH)
    place.count = 0
    before = place.files()
    with pytest.raises(Exception, match="INGEST-019"):
        place.run(path="all.csv", split=HASH)
    assert place.files() == before


ROOT = Path(__file__).parents[3]
MEMORY = """
import sys
from pathlib import Path
from components.ingest.core import ingest
from pipeline.config.model import Data
base, out = Path(sys.argv[1]), Path(sys.argv[2])
data = Data(path="all.csv", time_column="at", split={"by": "time"}, limit=10**6).model_dump(mode="json")
features = {"color": {"kind": "categorical"}, "size": {"kind": "numeric"}}
ingest(data, {"column": "y", "classes": ["no", "yes"], "missing": "drop"}, "binary", features, base, out)
status = Path("/proc/self/status").read_text()
sys.stdout.write(status.split("VmHWM:")[1].split()[0])
"""


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for name, times in (("small", 150), ("large", 700)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "all.csv").write_text(HEADER + ("\n".join(LINES) + "\n") * times)
        command = [sys.executable, "-c", MEMORY, str(tmp_path / name), str(tmp_path / f"{name}-out")]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout) / 1024)
    assert peaks[1] < peaks[0] + 30, peaks
