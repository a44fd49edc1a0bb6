"""What a training reads comes to a volume that the replicas' pods see, once and whole."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from components.train.group.cluster.settings import VARIABLE, Mount, Pods
from components.train.group.cluster.staging import stage
from trainer import faults
from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Origin:
    file: str = ""


@dataclasses.dataclass(frozen=True)
class Spec:
    """The paths of a `RunSpec`."""

    train_files: tuple[str, ...]
    validation_files: tuple[str, ...]
    eval_raw_files: tuple[str, ...]
    transform_graph_dir: str
    warm_start_from: Origin = Origin()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The state volume and the step's own disk."""
    volume, own = tmp_path / "tandem", tmp_path / "gcs"
    (volume / "kept").mkdir(parents=True)
    pods = Pods("image:1", mounts=(Mount("tandem", str(volume)),))
    monkeypatch.setenv(VARIABLE, json.dumps(pods.to_json()))
    for split in ("train", "validation"):
        (own / split).mkdir(parents=True)
        (own / split / "rows.gz").write_bytes(split.encode())
    (own / "graph" / "variables").mkdir(parents=True)
    (own / "graph" / "saved_model.pb").write_bytes(b"graph")
    (own / "graph" / "variables" / "data").write_bytes(b"data")
    (volume / "kept" / "raw.gz").write_bytes(b"raw")
    return volume, own


def spec_of(volume, own):
    return Spec(
        train_files=(str(own / "train" / "rows.gz"),),
        validation_files=(str(own / "validation" / "rows.gz"),),
        eval_raw_files=(str(volume / "kept" / "raw.gz"),),
        transform_graph_dir=str(own / "graph"),
    )


def test_without_pods_nothing_is_touched(places, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    volume, own = places
    spec = spec_of(volume, own)
    assert stage(spec, own / "checkpoints") is spec


def test_files_of_the_step_are_copied_and_those_on_the_volume_stay(places):
    volume, own = places
    found = stage(spec_of(volume, own), volume / "checkpoints" / "key")
    assert found.eval_raw_files == (str(volume / "kept" / "raw.gz"),)
    (train,), (validation,) = found.train_files, found.validation_files
    for path, content in ((train, "train"), (validation, "validation")):
        assert path.startswith(str(volume / "checkpoints" / "key" / "inputs"))
        assert Path(path).read_text() == content
    assert found.transform_graph_dir.startswith(str(volume))
    assert sorted(p.name for p in (volume / "checkpoints" / "key" / "inputs").rglob("*") if p.is_file()) == [
        "data", "rows.gz", "rows.gz", "saved_model.pb",
    ]  # fmt: skip
    assert found.warm_start_from == Origin()


def test_the_model_that_a_training_starts_from_is_copied_too(places):
    volume, own = places
    spec = dataclasses.replace(spec_of(volume, own), warm_start_from=Origin(str(own / "train" / "rows.gz")))
    assert stage(spec, volume / "key").warm_start_from.file == stage(spec, volume / "key").train_files[0]


def test_a_step_that_is_started_anew_copies_nothing_twice(places, monkeypatch):
    volume, own = places
    spec = spec_of(volume, own)
    first = stage(spec, volume / "key")
    monkeypatch.setenv("TANDEM_FAULT", "ENOSPC* group.stage*")
    faults.rearm()
    try:
        assert stage(spec, volume / "key") == first
    finally:
        monkeypatch.delenv("TANDEM_FAULT")
        faults.rearm()


@pytest.mark.parametrize("place", ["group.stage rows.gz", "group.stage_replace graph"])
def test_a_copy_that_broke_off_is_not_taken_for_whole(places, monkeypatch, place):
    volume, own = places
    monkeypatch.setenv("TANDEM_FAULT", f"ENOSPC {place}")
    faults.rearm()
    try:
        with pytest.raises(OSError, match="No space"):
            stage(spec_of(volume, own), volume / "key")
    finally:
        monkeypatch.delenv("TANDEM_FAULT")
        faults.rearm()
    found = stage(spec_of(volume, own), volume / "key")
    assert Path(found.transform_graph_dir, "variables", "data").read_bytes() == b"data"
    assert not list((volume / "key").rglob(".*"))


def test_a_directory_that_no_replica_sees_is_told(places):
    volume, own = places
    with pytest.raises(TandemError) as caught:
        stage(spec_of(volume, own), own / "checkpoints")
    assert (caught.value.code, caught.value.exit_status) == ("GROUP-031", 2)
    assert str(volume) in caught.value.message
