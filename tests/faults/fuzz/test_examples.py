"""Files of rows and of transformed examples, changed anyhow: read with bad rows set aside, or a code."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tfx  # noqa: F401 - before tfx_bsl and tensorflow_data_validation

from components.ingest.core import ingest
from components.ingest.problems import CODES
from components.ingest.tfrecord import frame_header, masked_crc
from pipeline.config.model import Data
from tests.faults.fuzz.mutation import attempt, mutations
from tests.trainer import synthetic
from trainer.data import records

HEADER = "color,size,at,y\n"
ROWS = [(f"c{i % 7}", i / 8, 1_600_000_000 + i * 3600, "yes" if i % 3 else "no") for i in range(60)]
TEXT = (HEADER + "".join(f"{','.join(map(str, row))}\n" for row in ROWS)).encode()
FEATURES = {"color": {"kind": "categorical"}, "size": {"kind": "numeric"}, "at": {"kind": "timestamp"}}
LABEL = {"column": "y", "classes": ["no", "yes"], "missing": "drop"}


def parquet(**options: Any) -> bytes:
    table = pa.table(dict(zip(HEADER.strip().split(","), map(list, zip(*ROWS, strict=True)), strict=True)))
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def examples() -> list[bytes]:
    found = []
    for color, size, at, label in ROWS:
        example = tf.train.Example()
        feature = example.features.feature
        feature["color"].bytes_list.value.append(color.encode())
        feature["size"].float_list.value.append(size)
        feature["at"].int64_list.value.append(at)
        feature["y"].bytes_list.value.append(label.encode())
        found.append(example.SerializeToString())
    return found


def framed(serialized: list[bytes]) -> bytes:
    return b"".join(
        frame_header(len(one)) + one + masked_crc(one).to_bytes(4, "little") for one in serialized
    )


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", content)
    return file.getvalue()


def changed_examples(count: int) -> Iterator[bytes]:
    """Frames that are whole, round one example that is not what it was."""
    valid = examples()
    for number in range(count):
        place = number % len(valid)
        (changed,) = mutations(valid[place], 1, seed=number)
        yield framed([*valid[:place], changed, *valid[place + 1 :]])


KINDS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "train.csv": lambda count: mutations(TEXT, count),
    "train.csv.gz": lambda count: mutations(gzip.compress(TEXT, mtime=0), count),
    "train.csv.bz2": lambda count: mutations(bz2.compress(TEXT), count),
    "train.csv.zip": lambda count: mutations(zipped(TEXT), count),
    "train.csv.zst": lambda count: mutations(pa.compress(TEXT, codec="zstd", asbytes=True), count),
    "train.parquet": lambda count: mutations(parquet(row_group_size=20), count),
    "train.pq": lambda count: mutations(parquet(compression="gzip", use_dictionary=False), count),
    "train.tfrecord": lambda count: mutations(framed(examples()), count),
    "train.tfrecord.gz": lambda count: mutations(gzip.compress(framed(examples()), mtime=0), count),
    "train.tfrecords": changed_examples,
}


@pytest.mark.parametrize("count", [5, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", KINDS)
def test_a_changed_file_is_read_or_refused_and_then_leaves_nothing(
    tmp_path: Path, name: str, count: int
) -> None:
    (tmp_path / "eval.csv").write_text(HEADER + "red,1,2020-01-01,no\n")
    split = {"by": "files", "train_files": name, "eval_files": "eval.csv", "validation_fraction": 0.0}
    data = Data(split=split, max_bad_row_fraction=1.0).model_dump(mode="json")
    for number, content in enumerate(KINDS[name](count)):
        (tmp_path / name).write_bytes(content)
        output = tmp_path / f"out-{number}" / "examples"
        report, error = attempt(ingest, data, LABEL, "binary", FEATURES, tmp_path, output, ())
        if error is None:
            assert sum(report.rows.values()) + report.bad + report.unlabelled > 0
        else:
            assert error.code in CODES
            assert error.exit_status == 2
            assert not list(output.parent.rglob("*"))


@pytest.mark.parametrize("count", [12, pytest.param(2000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("gzipped", [False, True])
def test_changed_transformed_examples_are_read_or_refused(tmp_path: Path, gzipped: bool, count: int) -> None:
    spec = synthetic.features()
    file = synthetic.write(tmp_path / "train", synthetic.table(spec, 50), gzipped)
    read = 0
    for content in mutations(file.read_bytes(), count):
        file.write_bytes(content)
        batches, error = attempt(
            lambda: list(records.read_in_order([file], functools.partial(records.parse, spec=spec), 16))
        )
        assert error is None or error.code in {"TRAIN-101", "TRAIN-102"}
        if batches is not None:
            read += 1
            assert all(len(batch["label"]) == len(batch["wide_ids"]) for batch in batches)
    assert read < count


@pytest.mark.parametrize("count", [12, pytest.param(2000, marks=pytest.mark.soak)])
def test_a_whole_record_that_is_no_example_of_the_specification_is_refused(
    tmp_path: Path, count: int
) -> None:
    spec = synthetic.features()
    file = synthetic.write(tmp_path / "train", synthetic.table(spec, 4), gzip=False)
    valid = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
    refused = 0
    for content in mutations(valid[0], count):
        file.write_bytes(framed([content, *valid[1:]]))
        batches, error = attempt(
            lambda: list(records.read_in_order([file], functools.partial(records.parse, spec=spec)))
        )
        refused += error is not None
        assert error is None or error.code == "TRAIN-102"
        assert error is not None or batches[0]["wide_ids"].shape == (4, len(spec.wide))
    assert refused
