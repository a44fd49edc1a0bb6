"""Faults at the points that a first, unbroken run does not pass."""

from __future__ import annotations

import re

import pytest

from tests.faults.points.place import Place

# Points by the test that meets them.
MET = {
    "run": ["run.remove_unfinished"],
    "resume": ["metadata.close_interrupted", "metadata.remove_unfinished", "checkpoint.set_aside"],
    "second run": ["baseline.copied", "registry.remove_torn", "storage.remove_unfinished"],
    "ingest": ["ingest.prepare", "ingest.write_empty"],
    "commands": ["rollback.rename", "predict.open", "predict.write"],
    # Of test_steps.py.
    "steps on Kubeflow": ["record.begin", "record.keep", "record.tidy", "entrypoint.prepare", "simulate.put"],
    # Of tests/pipeline/kubeflow/simulate/test_faults.py.
    "simulate": [
        "simulate.clear", "simulate.claim", "simulate.log", "simulate.create_pod", "simulate.prepare_outputs",
        "simulate.place", "simulate.remove_pod", "simulate.log_directory", "simulate.warm_log",
    ],
    # Of tests/components/release.
    "release": ["release.rename", "release.collect", "release.remove_torn", "release.remove_left"],
    # Of tests/integration/test_churn.py.
    "churn": ["churn.discard"],
    # Of tests/pipeline/watch/test_faults.py.
    "watch": ["watch.append", "watch.appended"],
    # Of tests/components/train/group.
    "group": ["group.start", "group.forget", "group.tidy", "group.remove", "group.discard"],
    "mirror": ["mirror.upload", "mirror.uploaded", "mirror.write"],
    # Of tests/trainer/codistillation/exchange.
    "exchange": [
        "exchange.create", "exchange.created", "exchange.create_directly", "exchange.remove",
        "exchange.upload", "exchange.remove_object",
    ],
    # Of tests/components/train/group/cluster.
    "pods of a group": [
        "group.create", "group.create_all", "group.delete", "group.delete_all", "group.park", "group.resume",
        "group.stage", "group.stage_replace", "group.log_pod", "group.log",
    ],
}  # fmt: skip
LONG = ("raise", "ENOSPC", "ENOSPC*", "EIO", "EROFS")
ACTIONS = ["kill", *(pytest.param(action, marks=pytest.mark.soak) for action in LONG)]
PREPARE = """
import pathlib, shutil
def rows(directory):
    for file in pathlib.Path(__file__).parent.glob("data/*.csv"):
        shutil.copy(file, directory)
"""


@pytest.mark.parametrize("action", ACTIONS)
def test_a_run_that_never_began_meets_faults_as_it_is_removed(tandem, tmp_path, action) -> None:
    place = Place(tmp_path)
    left = place.root.runs / "20260101-000000-0000" / "logs"
    left.mkdir(parents=True)
    sweep(tandem, place, ["run", "config.yaml"], MET["run"], action)
    assert left.is_dir()
    assert tandem(place.directory, "run", "config.yaml", fault="raise step.begin ingest").status == 1
    assert not left.parent.exists()


def sweep(tandem, place: Place, command: list[str], points: list[str], action: str, status: int = 1) -> None:
    """Lets one command after the other fail at a point; nothing torn is served meanwhile."""
    for point in points:
        ended = tandem(place.directory, *command, fault=f"{action} {point}*")
        told = (action, point, ended)
        place.served()
        if action == "kill":
            assert ended.status == -9, told
            continue
        assert ended.status == status, told
        assert re.match(r"[A-Z]+-\d{3} ", ended.err), told
        assert "Traceback" not in ended.err, told
        # The same command, but for the id and the root of a run that has begun.
        assert ended.next_command()[0] in (command[0], "resume"), told


@pytest.mark.parametrize("action", ACTIONS)
def test_a_run_killed_in_its_training_meets_faults_as_it_goes_on(tandem, unbroken, tmp_path, action) -> None:
    place = Place(tmp_path)
    fault = "kill checkpoint.write checkpoint-000000000009.tandem"
    assert tandem(place.directory, "run", "config.yaml", fault=fault).status == -9
    # Output of an execution that did not end.
    (place.root.artifacts / "train" / "model" / "7" / "half").mkdir(parents=True)
    (newest,) = place.root.checkpoints.glob("data/*/checkpoint-000000000006.tandem")
    newest.write_bytes(newest.read_bytes()[:-1])
    sweep(tandem, place, ["resume"], MET["resume"], action)
    assert tandem(place.directory, "resume").status == 0
    place.assert_finished()
    assert place.outputs() == unbroken[0].outputs()
    told = (place.runs()[0] / "logs" / "train.log").read_text()
    # The one before the damaged one, which was saved after three steps.
    assert "Continues after step 3" in told
    assert "Set aside as checkpoint-000000000006.tandem.corrupt" in told


@pytest.mark.parametrize("action", ACTIONS)
def test_a_second_run_a_rollback_and_a_prediction_meet_faults(tandem, tmp_path, action) -> None:
    place = Place(tmp_path)
    assert tandem(place.directory, "run", "config.yaml").status == 0
    place.write_data(1, 310)
    for left in (
        place.root.serving / "data" / ".staging-9-1",
        place.root.registry / "data" / ".2.json.x.unfinished",
    ):
        left.mkdir() if "staging" in left.name else left.write_text("{")
    command = ["run", "config.yaml"]
    # A copy that fails once is made again.
    if action not in ("ENOSPC", "EIO", "EROFS"):
        sweep(tandem, place, command, ["baseline.copied"], action)
        command = ["resume"]
    sweep(tandem, place, command, ["registry.remove_torn"], action)
    sweep(tandem, place, ["resume"], ["storage.remove_unfinished"], action)
    assert tandem(place.directory, "resume").status == 0
    assert list(place.served()) == [1, 2]
    assert place.leftovers() == []

    rollback = ["rollback", "data", "--root", ".tandem"]
    sweep(tandem, place, rollback, ["rollback.rename"], action)
    assert list(place.served()) == [1, 2]
    sweep(tandem, place, rollback, ["storage.replace 2.json"], action)
    assert list(place.served()) == [1]
    assert tandem(place.directory, *rollback).status == 0
    assert list(place.served()) == [1]
    assert place.leftovers() == []

    predict = ["predict", ".tandem/serving/data", "data/0.csv", "-o", "scored.csv"]
    (place.directory / "data" / "0.csv").write_text("size,colour\n1,red\n")
    for point in ("predict.open", "predict.write"):
        sweep(tandem, place, predict, [point], action)
        assert not (place.directory / "scored.csv").exists()
    assert tandem(place.directory, *predict).status == 0
    assert (place.directory / "scored.csv").read_text().startswith('"size","colour","probability"\n')
    assert list(place.directory.glob(".scored*")) == []


@pytest.mark.parametrize("action", ACTIONS)
def test_an_ingest_with_a_prepare_step_meets_faults(tandem, tmp_path, action) -> None:
    place = Place(tmp_path)
    (tmp_path / "prepare.py").write_text(PREPARE)
    config = tmp_path / "config.yaml"
    config.write_text(
        config.read_text()
        .replace("path: 'data/*.csv'", "prepare: 'prepare.py:rows'")
        .replace("max_bad", "split: {validation_fraction: 0.000001}, max_bad")
    )
    sweep(tandem, place, ["run", "config.yaml"], ["ingest.prepare"], action)
    sweep(tandem, place, ["resume"], ["ingest.write_empty"], action)
    assert tandem(place.directory, "resume", fault="raise step.begin statistics").status == 1
    (examples,) = (place.root.artifacts / "ingest" / "examples").iterdir()
    assert sorted(path.name for path in examples.iterdir() if path.is_dir()) == [
        "Split-eval", "Split-train", "Split-validation",
    ]  # fmt: skip


def test_after_a_damaged_metadata_store_was_moved_away_a_run_begins_anew(tandem, tmp_path) -> None:
    place = Place(tmp_path)
    assert tandem(place.directory, "run", "config.yaml", fault="raise step.begin statistics").status == 1
    whole = place.root.metadata.read_bytes()
    place.root.metadata.write_bytes(whole[: len(whole) // 2].replace(b"SQLite", b"sqlite"))
    ended = tandem(place.directory, "resume")
    assert ended.status == 1
    assert ended.err.startswith("RUN-007 ")
    assert "file is not a database" in ended.err
    place.root.metadata.rename(tmp_path / "metadata.sqlite")
    place.root.artifacts.rename(tmp_path / "artifacts")
    again = tandem(place.directory, *ended.next_command(), fault="raise step.begin statistics")
    assert "STATISTICS-900" in again.err
    assert place.executions() == [("Ingest", "COMPLETE")]
