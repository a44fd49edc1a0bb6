"""`tandem churn` from a file to a report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.churn import laboratory
from pipeline.churn.laboratory import KINDS, Laboratory, Trial
from pipeline.cli.app import app
from pipeline.config import load
from tests.integration.test_lifecycle import rows
from trainer import faults

SET = ("--set", "train.epochs=1", "--set", "train.codistillation={exchange_every_steps: 2}")


def invoke(*arguments: str, status: int = 0) -> str:
    outcome = CliRunner().invoke(app, list(arguments))
    error = "" if outcome.exception is None else str(outcome.exception)
    assert outcome.exit_code == status or getattr(outcome.exception, "exit_status", None) == status, (
        outcome.output,
        outcome.exception,
    )
    return outcome.output + error


@pytest.fixture(scope="module")
def tried(shared_project):
    """An experiment with two retrains."""
    shared_project.data(rows(0))
    shared_project.init(shared_project.directory / "data.csv", "answer")
    arguments = ("churn", str(shared_project.config_path), "--retrains", "2", *SET)
    return shared_project, arguments, invoke(*arguments)


def place(project) -> Path:
    (found,) = (project.root.path / "churn").iterdir()
    return found


def results(project) -> dict[str, Any]:
    return json.loads((place(project) / "results.json").read_text())


def trials(project) -> list[Trial]:
    files = (place(project) / "trials").glob("*/trial.json")
    return [Trial.from_json(json.loads(file.read_text())) for file in files]


def trainings(project) -> dict[tuple[str, int], dict[str, Any]]:
    """Summaries of what was trained, by kind and seed."""
    return {
        (one.kind, one.seeds[0]): json.loads((Path(one.directory) / "run" / "training.json").read_text())
        for one in trials(project)
        if one.kind != "ensemble"
    }


def test_every_kind_is_trained_and_each_pair_compared(tried) -> None:
    project, _, output = tried
    found = results(project)
    assert [(one["kind"], one["seeds"]) for one in found["trials"]] == [
        ("single", [1]), ("single", [2]), ("codistilled", [1]), ("codistilled", [2]),
        ("ensemble", [1, 3]), ("ensemble", [2, 4]),
    ]  # fmt: skip
    assert [pair["kind"] for pair in found["pairs"]] == list(KINDS)
    assert all(0 < pair["churn"] < 0.2 for pair in found["pairs"])
    assert all(0 <= pair["decisions_flipped"] < 0.2 for pair in found["pairs"])
    assert all(0.4 < one["measures"]["log_loss"] < 0.7 for one in found["trials"])
    size = {one["kind"]: one["parameters"] for one in found["trials"]}
    assert size["codistilled"] == size["single"]
    assert size["ensemble"] == 2 * size["single"]
    made = trainings(project)
    assert len(made) == 6
    # A replica that was over before its peer's weights came is the single training of its seed.
    alone = {
        name: summary["model_digest"]
        for name, summary in made.items()
        if name[0] == "single" or summary["codistillation"]["teaching_steps"]
    }
    assert len(set(alone.values())) == len(alone)
    assert sum(found["rows"].values()) == 2000
    assert "Ensemble of two" in output
    page = (place(project) / "report.html").read_text()
    assert all(word in page for word in ("Codistilled", "Ensemble of two", "Decisions flipped"))


def test_churn_is_that_of_the_exported_models(tried) -> None:
    import tensorflow as tf

    project, _, _ = tried
    files = [str(file) for file in project.root.artifacts.glob("ingest/examples/*/Split-eval/*")]
    batches = tf.data.TFRecordDataset(files).batch(10_000)
    (examples,) = batches.as_numpy_iterator()
    predictions: dict[tuple[str, int], np.ndarray] = {}
    for one in trials(project):
        model = tf.saved_model.load(str(one.model))
        answer = model.signatures["serving_default"](examples=tf.constant(examples))
        predictions[one.kind, one.seeds[0]] = answer["probabilities"].numpy()[:, 0]
    for pair in results(project)["pairs"]:
        one, other = (predictions[pair["kind"], seed] for seed in pair["seeds"])
        assert pair["churn"] == pytest.approx(float(np.abs(one - other).mean()), rel=1e-5)
        assert pair["decisions_flipped"] == pytest.approx(float(((one > 0.5) != (other > 0.5)).mean()))


def test_trainings_are_kept_and_another_process_trains_nothing_again(tried) -> None:
    project, arguments, _ = tried
    before = {
        one.directory: (Path(one.directory) / "trial.json").stat().st_mtime_ns for one in trials(project)
    }
    assert len(before) == 4 + 2 + 2
    # Checkpoints of trainings that ended are gone.
    assert not list((place(project) / "trials" / "checkpoints").iterdir())
    tandem = Path(sys.executable).with_name("tandem")
    done = subprocess.run([tandem, *arguments, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["pairs"] == results(project)["pairs"]
    after = {
        one.directory: (Path(one.directory) / "trial.json").stat().st_mtime_ns for one in trials(project)
    }
    assert after == before


def test_a_single_training_is_that_of_a_run_and_goes_on_where_it_was_interrupted(
    tried, tmp_path, monkeypatch
) -> None:
    project, _, _ = tried
    ran = project.run("train.epochs=1")
    states = {step["name"]: step["state"] for step in ran.summary["steps"]}
    assert states["transform"] == "cached"
    (summary,) = project.root.artifacts.glob("train/model_run/*/training.json")
    expected = trainings(project)["single", 1]["model_digest"]
    assert json.loads(summary.read_text())["model_digest"] == expected
    outputs = {
        "transform": {
            name: str(next((project.root.artifacts / "transform" / name).iterdir()))
            for name in ("transform_graph", "transformed_examples")
        }
    }
    made = Laboratory(load(project.config_path, ["train.epochs=1"]), outputs, tmp_path, "code")
    for fault in ("raise export.open*", "raise churn.discard*"):
        monkeypatch.setenv(faults.VARIABLE, fault)
        faults.rearm()
        with pytest.raises(faults.InjectedError):
            made.single(1)
        assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    monkeypatch.delenv(faults.VARIABLE)
    faults.rearm()
    monkeypatch.setattr(laboratory, "run", None)
    trial = made.single(1)
    assert list((tmp_path / "checkpoints").iterdir()) == []
    found = json.loads((Path(trial.directory) / "run" / "training.json").read_text())
    assert found["model_digest"] == expected


def test_a_single_retrain_is_refused_before_anything_runs(tried) -> None:
    project, _, _ = tried
    before = results(project)
    assert "CHURN-001" in invoke("churn", str(project.config_path), "--retrains", "1", status=2)
    assert results(project) == before
