"""A checkpoint is read whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from trainer.checkpoints import Checkpoint, CheckpointStore, discard, read_checkpoint, write_checkpoint
from trainer.errors import TandemError


def checkpoint(step: int = 1, rows: int = 3000) -> Checkpoint:
    rng = np.random.default_rng(step)
    tensors = {
        "table": rng.normal(size=(rows, 2)).astype(np.float32),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "half": np.arange(4).astype(tf.bfloat16.as_numpy_dtype),
        "transposed": np.arange(6.0).reshape(2, 3).T,
    }
    return Checkpoint(step, tensors, {"best": 0.1 + 0.2, "none": None, "name": "Zürich"})


def test_every_bit_comes_back(tmp_path: Path) -> None:
    path, before = tmp_path / "a.tandem", checkpoint()
    write_checkpoint(path, before)
    after = read_checkpoint(path)
    assert after.step == 1
    assert after.meta == before.meta
    assert list(after.tensors) == list(before.tensors)
    for name, value in before.tensors.items():
        assert after.tensors[name].dtype == value.dtype
        assert after.tensors[name].shape == value.shape
        assert after.tensors[name].tobytes() == value.tobytes()
    assert [file.name for file in tmp_path.iterdir()] == ["a.tandem"]


def test_a_flipped_bit_in_any_4_kib_block_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.tandem"
    write_checkpoint(path, checkpoint())
    content = path.read_bytes()
    assert len(content) > 5 * 4096
    for place in [*range(100, len(content), 4096), len(content) - 1]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(TandemError, match="TRAIN-202"):
            read_checkpoint(path)


def test_a_cut_at_any_block_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.tandem"
    write_checkpoint(path, checkpoint())
    content = path.read_bytes()
    for end in [0, 1, 8, 40, *range(4096, len(content), 4096), len(content) - 1]:
        path.write_bytes(content[:end])
        with pytest.raises(TandemError, match="TRAIN-202"):
            read_checkpoint(path)


def test_random_bytes_raise_nothing_but_the_typed_error(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.tandem", np.random.default_rng(0)
    for size in range(0, 200, 3):
        path.write_bytes(b"TANDEMC1"[: size % 9] + rng.bytes(size))
        with pytest.raises(TandemError, match="TRAIN-202"):
            read_checkpoint(path)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "deep" / "er")
    assert store.latest() is None
    for step in (5, 10, 1_000_000, 15):
        store.save(checkpoint(step, rows=2))
    assert sorted(file.name for file in store.directory.iterdir()) == [
        "checkpoint-000000000015.tandem",
        "checkpoint-000001000000.tandem",
    ]
    latest = store.latest()
    assert latest is not None
    assert latest.step == 1_000_000


def test_a_damaged_newest_is_set_aside_and_the_one_before_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(checkpoint(5))
    newest = store.save(checkpoint(10))
    newest.write_bytes(newest.read_bytes()[:-4096])
    latest = store.latest()
    assert latest is not None
    assert latest.step == 5
    assert np.array_equal(latest.tensors["table"], checkpoint(5).tensors["table"])
    assert (tmp_path / "checkpoint-000000000010.tandem.corrupt").exists()
    assert not newest.exists()
    assert "TRAIN-202" in caplog.text
    assert "checkpoint-000000000010.tandem.corrupt" in caplog.text


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES])
def test_a_read_error_is_told_and_sets_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(checkpoint(5))
    newest = store.save(checkpoint(10))

    def fail(_: Path) -> bytes:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        with pytest.raises(TandemError, match=r"TRAIN-205.*checkpoint-000000000010"):
            store.latest()
    assert newest.exists()
    latest = store.latest()
    assert latest is not None
    assert latest.step == 10


def test_leftovers_of_a_killed_write_are_swept_and_never_read(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(checkpoint(5))
    (tmp_path / ".unfinished-abc").write_bytes(b"half")
    latest = store.latest()
    assert latest is not None
    assert latest.step == 5
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint-000000000005.tandem"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failing_disk_has_a_code_and_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(checkpoint(5))

    def fail(_: int) -> None:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(TandemError, match="TRAIN-201"):
            store.save(checkpoint(10))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint-000000000005.tandem"]
    store.save(checkpoint(10))
    latest = store.latest()
    assert latest is not None
    assert latest.step == 10


def test_discard_removes_the_directory_and_forgives_its_absence(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "here")
    store.save(checkpoint(5))
    discard(store.directory)
    discard(store.directory)
    assert not store.directory.exists()
    assert store.latest() is None


def test_one_kept_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep=1"):
        CheckpointStore(tmp_path, keep=1)
