"""Runs of the core over small files, and an independent reader of its output."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.ingest.core import ingest
from components.ingest.report import IngestReport
from components.ingest.tfrecord import frame_header, masked_crc
from pipeline.config.model import Data
from trainer.errors import TandemError

FEATURES = {"color": {"kind": "categorical"}, "size": {"kind": "numeric"}, "at": {"kind": "timestamp"}}
LABEL = {"column": "y", "classes": ["no", "yes"], "missing": "drop"}


def records(path: Path) -> list[bytes]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    found, position = [], 0
    while position < len(content):
        (length,) = struct.unpack_from("<Q", content, position)
        found.append(content[position + 12 : position + 12 + length])
        position += 16 + length
    return found


def decode(serialized: list[bytes]) -> list[dict[str, Any]]:
    """Rows with the present values only; a present value is a list of one."""
    if not serialized:
        return []
    rows = ExamplesToRecordBatchDecoder().DecodeBatch(serialized).to_pylist()
    return [{name: value[0] for name, value in row.items() if value is not None} for row in rows]


class Place:
    """A directory with input files, and the output of the last run."""

    def __init__(self, directory: Path) -> None:
        self.base = directory / "base"
        self.base.mkdir()
        self.output = directory / "out" / "examples"
        self.count = 0

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_tfrecord(self, name: str, examples: list[bytes]) -> None:
        frames = [frame_header(len(e)) + e + masked_crc(e).to_bytes(4, "little") for e in examples]
        self.write(name, b"".join(frames))

    def run(self, beam_options: tuple[str, ...] = (), **given: Any) -> IngestReport:
        """Ingests; arguments are fields of the data section, or `label`, `task`, `features`."""
        label = {**LABEL, **given.pop("label", {})}
        task = given.pop("task", "binary")
        features = given.pop("features", FEATURES)
        given.setdefault("split", {"by": "files", "train_files": "train*", "eval_files": "eval*",
                                   "validation_fraction": 0.0})  # fmt: skip
        data = Data(**given).model_dump(mode="json")
        self.count += 1
        self.output = self.output.with_name(f"examples-{self.count}")
        return ingest(data, label, task, features, self.base, self.output, beam_options)

    def run_lines(self, *lines: str, name: str = "train.csv", **given: Any) -> IngestReport:
        """Ingests a train file of a header and the given lines, and an eval file with one good line."""
        header = "color,size,at,y\n"
        self.write(name, header + "".join(f"{line}\n" for line in lines))
        self.write("eval.csv", header + "red,1,2020-01-01,no\n")
        return self.run(**given)

    def rows(self, split: str = "train") -> list[dict[str, Any]]:
        files = sorted((self.output / f"Split-{split}").glob("data_tfrecord-*"))
        return decode([record for file in files for record in records(file)])

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.output).as_posix(): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file() and path.name != "ingest.json"
        }

    def fails(self, call: Callable[[], Any]) -> TandemError:
        """The error of `call`, after checking that nothing was left behind."""
        with pytest.raises(TandemError) as caught:
            call()
        left = list(self.output.parent.rglob("*")) if self.output.parent.exists() else []
        assert left == []
        assert caught.value.exit_status == 2
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
