"""One pipeline from its first run to rollback: cache, resume, refusal, prediction, schema review."""

from __future__ import annotations

import importlib.metadata
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import fingerprint
from pipeline.cli.app import app
from trainer.errors import TandemError

ROWS = 2000


def rows(seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    number, colour = rng.normal(size=ROWS), rng.choice(["red", "green", "blue"], ROWS)
    chance = 1 / (1 + np.exp(-(number * 1.5 + (colour == "red") - 1 + shift)))
    answer = np.where(rng.random(ROWS) < chance, "yes", "no")
    return pd.DataFrame({"number": number.round(4), "colour": colour, "answer": answer})


@pytest.fixture(scope="module")
def pushed(shared_project):
    shared_project.data(rows(0))
    shared_project.init(shared_project.directory / "data.csv", "answer")
    return shared_project, shared_project.run()


def mauve() -> pd.DataFrame:
    """Rows with a colour that the schema of the others does not know."""
    changed = rows(6)
    changed.loc[changed.index[:600], "colour"] = "mauve"
    return changed


def states(result) -> dict[str, str]:
    return {step["name"]: step["state"] for step in result.summary["steps"]}


def invoke(*arguments: str) -> str:
    outcome = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_the_first_run_pushes_version_one(pushed) -> None:
    project, result = pushed
    assert result.summary["status"] == "pushed"
    assert result.summary["pushed_version"] == 1
    assert result.exit_status == 0
    assert [step["state"] for step in result.summary["steps"]] == ["ran"] * 12
    assert sum(result.summary["rows"].values()) == ROWS
    assert json.loads((result.run.directory / "summary.json").read_text()) == result.summary
    assert (project.root.serving / "data" / "1" / "MANIFEST.json").is_file()


def test_a_second_run_with_nothing_changed_finds_every_step_cached(pushed) -> None:
    project, first = pushed
    second = project.run()
    assert states(second) == dict.fromkeys(states(first), "cached")
    assert second.summary["status"] == "pushed"
    assert second.summary["pushed_version"] == 1
    assert second.summary["metrics"] == first.summary["metrics"]


def test_resuming_a_finished_run_runs_nothing_again(pushed) -> None:
    project, _ = pushed
    result = project.run(resume=True)
    assert {step["state"] for step in result.summary["steps"]} == {"cached"}
    assert result.summary["attempt"] == 2


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of the sources that fingerprints are taken of, to be changed."""
    for package in ("components", "transforms", "trainer"):
        shutil.copytree(fingerprint._PROJECT / package, tmp_path / package)
    monkeypatch.setattr(fingerprint, "_PROJECT", tmp_path)
    fingerprint._source_digest.cache_clear()
    yield tmp_path
    fingerprint._source_digest.cache_clear()


def test_a_change_runs_exactly_the_steps_that_depend_on_it_again(pushed, sources, monkeypatch) -> None:
    project, _ = pushed

    def ran(least: float) -> set[str]:
        found = states(project.run(f"gate.rules.0.by_at_least={least}"))
        return {step for step, state in found.items() if state == "ran"}

    # Since the push the baseline is another one.
    assert ran(0.001) == {"baseline", "score", "evaluate", "gate", "push"}
    assert ran(0.002) == {"gate", "push"}
    with (sources / "components" / "check" / "core.py").open("a") as source:
        source.write("CHANGED = 1\n")
    fingerprint._source_digest.cache_clear()
    assert ran(0.002) == {"check", "push"}
    changed, version = "tensorflow-model-analysis", importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0" if name == changed else version(name))
    assert ran(0.002) == {"score", "evaluate", "gate", "push"}


def test_predictions_of_a_pushed_model_fit_its_evaluation(pushed) -> None:
    project, _ = pushed
    fresh = project.data(rows(5), "fresh.csv")
    target = project.directory / "scored.csv"
    invoke("predict", str(project.root.serving / "data"), str(fresh), "-o", str(target))
    scored = pd.read_csv(target)
    assert len(scored) == ROWS
    accuracy = ((scored["probability"] > 0.5) == (scored["answer"] == "yes")).mean()
    assert accuracy > 0.7


def test_a_file_without_a_feature_is_refused(pushed) -> None:
    project, _ = pushed
    lacking = project.data(rows(5).drop(columns="number"), "lacking.csv")
    with pytest.raises(TandemError, match=r"PREDICT-003.*number"):
        CliRunner().invoke(
            app, ["predict", str(project.root.serving / "data"), str(lacking)], catch_exceptions=False
        )


def test_commands_about_runs_answer(pushed) -> None:
    project, first = pushed
    root = ["--root", str(project.root.path)]
    assert first.run.run_id in invoke("runs", "list", *root)
    assert json.loads(invoke("runs", "show", first.run.run_id, "--json", *root))["status"] == "pushed"
    assert "Blessed" in invoke("gate", "explain", first.run.run_id, *root)
    assert str(first.run.report_path) in invoke("report", first.run.run_id, *root)
    other = invoke("runs", "list", "--json", *root)
    newest = json.loads(other)[0]["run_id"]
    assert "config" in invoke("runs", "diff", first.run.run_id, newest, *root)
    assert invoke("schema", "diff", str(project.config_path)).strip() == "no difference"


def test_drift_from_the_data_before_stops_a_run_that_limits_it(pushed) -> None:
    project, first = pushed
    drifted = rows(7)
    drifted["number"] += 2
    original = (project.directory / "data.csv").read_bytes()
    project.data(drifted)
    try:
        result = project.run("check.drift.drift=0.1")
        assert result.summary["error"]["code"] == "DATA-001"
        assert "'number': drift" in result.summary["error"]["message"]
        found = {entry["column"]: entry for entry in result.view["data"]["drift"] if entry["kind"] == "drift"}
        assert found["number"]["verdict"] == "fail"
        assert found["colour"]["verdict"] == "pass"
        assert first.view["data"]["drift"] != []
        # Other bytes of the input, so nothing comes from the cache.
        before = dict.fromkeys(["ingest", "statistics", "schema", "validator"], "ran")
        assert states(result) == {**before, "check": "failed"}
    finally:
        (project.directory / "data.csv").write_bytes(original)


def test_data_unlike_the_kept_schema_stops_before_training(pushed) -> None:
    project, _ = pushed
    original = (project.directory / "data.csv").read_bytes()
    project.data(mauve())
    try:
        result = project.run()
        assert result.summary["error"]["code"] == "DATA-001"
        assert "colour" in result.summary["error"]["message"]
        assert result.exit_status == 2
        assert result.summary["steps"][-1] == {
            **result.summary["steps"][-1],
            "name": "check",
            "state": "failed",
        }
        assert "mauve" in invoke("schema", "diff", str(project.config_path))
        assert "version 2" in invoke("schema", "accept", str(project.config_path))
        accepted = project.run()
        assert accepted.summary["error"] is None
    finally:
        (project.directory / "data.csv").write_bytes(original)


def test_rollback_serves_the_version_before_and_the_denied_model_stays_away(pushed) -> None:
    project, _ = pushed
    served = sorted(
        int(path.name) for path in (project.root.serving / "data").iterdir() if path.name.isdecimal()
    )
    assert len(served) >= 2
    text = invoke("rollback", "data", "--root", str(project.root.path))
    assert f"version {served[-2]} is served" in text
    left = [path.name for path in (project.root.serving / "data").iterdir()]
    assert str(served[-1]) not in left
    assert f"{served[-1]}.denied" in left
    # The run that made the denied model, once more.
    project.data(mauve())
    again = project.run()
    assert states(again) == {**dict.fromkeys(states(again), "cached"), "push": "ran"}
    assert (again.exit_status, again.summary["status"]) == (3, "not_blessed")
    assert f"version {served[-1]} with the same digest was denied" in again.summary["push"]["reason"]
    assert sorted(path.name for path in (project.root.serving / "data").iterdir()) == sorted(left)


def test_labels_shuffled_in_training_are_refused(project) -> None:
    train, evaluation = rows(1), rows(2)
    train["answer"] = train["answer"].sample(frac=1, random_state=0).to_numpy()
    project.data(train, "train.csv")
    project.data(evaluation, "eval.csv")
    project.init(project.directory / "train.csv", "answer")
    result = project.run(
        "data.path=null", "data.split={by: files, train_files: train.csv, eval_files: eval.csv}"
    )
    assert result.summary["error"] is None
    assert result.summary["status"] == "not_blessed"
    assert result.exit_status == 3
    assert result.summary["pushed_version"] is None
    assert not (project.root.serving / "train").exists() or not any(
        path.name.isdecimal() for path in (project.root.serving / "train").iterdir()
    )
    compared = [rule for rule in result.summary["gate"] if "log_loss better than prior" in rule["rule"]]
    assert [rule["verdict"] for rule in compared] == ["fail"]
    assert "better than prior" in result.run.report_path.read_text()
