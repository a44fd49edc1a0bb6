"""Checkpoints of a real training, damaged in every block; files whose digest holds but whose header lies."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults.fuzz.mutation import attempt, mutations, wrong_values
from tests.trainer import synthetic
from trainer.checkpoints import Checkpoint, CheckpointStore, read_checkpoint
from trainer.errors import TandemError
from trainer.loop import train
from trainer.spec import ModelSpec, TrainSpec

BLOCK = 4096


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The last two checkpoints of a small training, the older first."""
    place = tmp_path_factory.mktemp("training")
    features = synthetic.features()
    plan = TrainSpec(batch_size=64, epochs=1, checkpoint_every_steps=3, calibrate=True)
    train(
        features,
        ModelSpec(),
        plan,
        checkpoint_dir=place / "checkpoints",
        run_dir=place / "run",
        **synthetic.files(place, features, 640, 64),
    )
    older, newer = sorted((place / "checkpoints").glob("*.tandem"))
    assert newer.stat().st_size > 4 * BLOCK
    return older, newer


def damages(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A bit flipped, zeros written and the file cut off in every block of 4 KiB."""
    for start in range(0, len(content), BLOCK):
        stop = min(start + BLOCK, len(content))
        for place in {start, (start + stop) // 2, stop - 1}:
            bit = bytes([content[place] ^ 1 << place % 8])
            yield f"bit at {place}", content[:place] + bit + content[place + 1 :]
            yield f"cut at {place}", content[:place]
        if any(content[start:stop]):
            yield f"zeros from {start}", content[:start] + bytes(stop - start) + content[stop:]


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return (one.step, one.meta, list(one.tensors)) == (other.step, other.meta, list(other.tensors)) and all(
        np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors
    )


def test_damage_in_any_block_of_the_newest_gives_the_one_before(
    trained: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older, newer = trained
    expected, content = read_checkpoint(older), newer.read_bytes()
    store, tried = CheckpointStore(tmp_path), 0
    os.link(older, tmp_path / older.name)
    for what, damaged in damages(content):
        caplog.clear()
        (tmp_path / newer.name).write_bytes(damaged)
        found = store.latest()
        assert found is not None
        assert same(found, expected), what
        assert "TRAIN-202" in caplog.text, what
        assert f"{newer.name}.corrupt" in caplog.text, what
        aside = tmp_path / f"{newer.name}.corrupt"
        assert aside.read_bytes() == damaged
        assert not (tmp_path / newer.name).exists()
        aside.unlink()
        tried += 1
    assert tried >= 6 * (len(content) // BLOCK)


def test_damage_in_both_gives_none_and_keeps_both_aside(trained: tuple[Path, Path], tmp_path: Path) -> None:
    for path in trained:
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
    assert CheckpointStore(tmp_path).latest() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{path.name}.corrupt" for path in trained]


@pytest.mark.parametrize("count", [150, pytest.param(5000, marks=pytest.mark.soak)])
def test_changed_bytes_are_never_read(trained: tuple[Path, Path], tmp_path: Path, count: int) -> None:
    content, path = trained[1].read_bytes(), tmp_path / "a.tandem"
    for changed in mutations(content, count):
        if changed != content:
            path.write_bytes(changed)
            with pytest.raises(TandemError, match="TRAIN-202"):
                read_checkpoint(path)


def sealed(header: bytes, data: bytes, length: int | None = None) -> bytes:
    """A file of the checkpoint's form whose digest is right, whatever it holds."""
    body = b"TANDEMC1" + struct.pack("<Q", len(header) if length is None else length) + header + data
    return body + hashlib.sha256(body).digest()


HEADER: dict[str, Any] = {
    "step": 3,
    "meta": {"best": 0.5},
    "tensors": [
        {"name": "a", "dtype": "float32", "shape": [2, 2], "offset": 0, "bytes": 16},
        {"name": "b", "dtype": "bfloat16", "shape": [4], "offset": 16, "bytes": 8},
    ],
}
DATA = bytes(range(24))


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.soak)])
def test_a_header_that_lies_is_refused_or_read_within_the_file(tmp_path: Path, count: int) -> None:
    path, read = tmp_path / "a.tandem", 0
    headers = [*wrong_values(HEADER, count), *mutations(json.dumps(HEADER).encode(), count)]
    for header in headers:
        path.write_bytes(sealed(header, DATA))
        found, error = attempt(read_checkpoint, path)
        if error is not None:
            assert error.code == "TRAIN-202"
            continue
        read += 1
        assert type(found.step) is int
        assert isinstance(found.meta, dict)
        assert all(array.tobytes() in DATA for array in found.tensors.values())
    assert 0 < read < len(headers)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"offset": -8}, "outside of the file"),
        ({"offset": 8}, "outside of the file"),
        ({"bytes": 1 << 62, "shape": [1 << 60]}, "outside of the file"),
        ({"bytes": -4}, "outside of the file"),
        ({"shape": [1 << 70]}, "unreadable header"),
        ({"shape": [3]}, "unreadable header"),
        ({"dtype": "string"}, "unreadable header"),
        ({"dtype": "object"}, "unreadable header"),
        ({"dtype": "resource"}, "unreadable header"),
        ({"name": ["a"]}, "unreadable header"),
    ],
    ids=str,
)
def test_a_tensor_that_does_not_fit_its_file_is_refused(
    tmp_path: Path, entry: dict[str, Any], told: str
) -> None:
    tensors = [HEADER["tensors"][1] | {"offset": 0} | entry]
    path = tmp_path / "a.tandem"
    path.write_bytes(sealed(json.dumps(HEADER | {"tensors": tensors}).encode(), DATA[:8]))
    with pytest.raises(TandemError, match=rf"TRAIN-202.*{told}"):
        read_checkpoint(path)


@pytest.mark.parametrize("length", [0, 1, 1 << 20, (1 << 64) - 1])
def test_a_wrong_length_of_the_header_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.tandem"
    path.write_bytes(sealed(json.dumps(HEADER).encode(), DATA, length))
    with pytest.raises(TandemError, match="TRAIN-202"):
        read_checkpoint(path)


class _Payload:
    def __init__(self, witness: Path) -> None:
        self._witness = witness

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._witness),)


def test_a_pickle_in_place_of_a_checkpoint_or_inside_it_is_refused_and_never_runs(tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    payload = pickle.dumps(_Payload(witness))
    pickle.loads(payload)
    assert witness.is_dir(), "the payload works when something loads it"
    shutil.rmtree(witness)
    header = HEADER | {"tensors": [{"name": "a", "dtype": "object", "shape": [1], "offset": 0, "bytes": 8}]}
    store = CheckpointStore(tmp_path / "store")
    store.save(Checkpoint(1, {}, {}))
    for content in (payload, sealed(payload, b""), sealed(json.dumps(header).encode(), payload)):
        (store.directory / "checkpoint-000000000002.tandem").write_bytes(content)
        found = store.latest()
        assert found is not None
        assert found.step == 1
    assert not witness.exists()
