"""`tandem noise` from a file to a report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.noise import experiment
from tests.integration.test_lifecycle import rows


def invoke(*arguments: str, status: int = 0) -> str:
    outcome = CliRunner().invoke(app, list(arguments))
    error = "" if outcome.exception is None else str(getattr(outcome.exception, "code", outcome.exception))
    assert outcome.exit_code == status or error.startswith("NOISE"), outcome.output
    return outcome.output + error


@pytest.fixture(scope="module")
def tried(shared_project):
    """An experiment with a search among two pairs of temperatures."""
    shared_project.data(rows(0))
    shared_project.init(shared_project.directory / "data.csv", "answer")
    patch = pytest.MonkeyPatch()
    patch.setattr(experiment, "GRID", ((0.7, 1.2), (1.0, 2.0)))
    arguments = ("noise", str(shared_project.config_path), "--flip", "0.3,0", "--seeds", "2", "--search")
    yield shared_project, arguments, invoke(*arguments)
    patch.undo()


def kept(project) -> dict[str, int]:
    return {
        path.name: path.stat().st_mtime_ns for path in (project.root.path / "noise").rglob("trials/*.json")
    }


def test_every_loss_is_tried_at_every_share_with_every_seed(tried) -> None:
    project, _, output = tried
    (directory,) = (project.root.path / "noise").iterdir()
    results = json.loads((directory / "results.json").read_text())
    assert results["flips"] == [0.0, 0.3]
    losses = ("logistic", "bi-tempered", "bi-tempered, chosen")
    expected = [(share, loss, seed) for share in (0.0, 0.3) for loss in losses for seed in (1, 2)]
    assert [(t["flip"], t["loss"]["name"], t["seed"]) for t in results["trials"]] == expected
    assert [(t["loss"]["t1"], t["loss"]["t2"]) for t in results["search"]] == [(0.7, 1.2), (1.0, 2.0)] * 2
    assert results["rows"]["train"] + results["rows"]["validation"] + results["rows"]["eval"] == 2000
    for share in (0.0, 0.3):
        best = max((t for t in results["search"] if t["flip"] == share), key=lambda t: t["validation"])
        (chosen,) = {
            (t["loss"]["t1"], t["loss"]["t2"])
            for t in results["trials"]
            if t["flip"] == share and t["loss"]["name"].endswith("chosen")
        }
        assert chosen == (best["loss"]["t1"], best["loss"]["t2"])
    measured = {
        share: [t["measures"]["log_loss"] for t in results["trials"] if t["flip"] == share]
        for share in (0.0, 0.3)
    }
    assert min(measured[0.3]) > max(measured[0.0])
    assert "bi-tempered (0.8, 1.2)" in output
    page = (directory / "report.html").read_text()
    assert all(loss in page for loss in losses)
    assert page.count("<figure") == 5


def test_trials_are_kept_and_a_further_share_adds_only_its_own(tried) -> None:
    project, arguments, _ = tried
    before = kept(project)
    # Two pairs are searched with the first seed; one is trained with the second too, as are the other losses.
    assert len(before) == 2 * (2 + 1 + 4)
    invoke(*arguments)
    assert kept(project) == before
    invoke("noise", str(project.config_path), "--flip", "0,0.1", "--seeds", "1")
    after = kept(project)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2


def test_nothing_is_pushed_and_a_run_finds_the_data_steps_cached(tried) -> None:
    project, _, _ = tried
    assert not project.root.runs.exists() or not list(project.root.runs.iterdir())
    result = project.run()
    states = {step["name"]: step["state"] for step in result.summary["steps"]}
    assert {name for name, state in states.items() if state == "cached"} == {
        "ingest", "statistics", "schema", "validator", "check", "transform",
    }  # fmt: skip


def test_json_has_the_results(tried) -> None:
    project, _, _ = tried
    tandem = [Path(sys.executable).with_name("tandem"), "noise", project.config_path]
    outcome = subprocess.run(
        [*tandem, "--flip", "0", "--seeds", "1", "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(outcome.stdout)
    assert found["task"] == "binary"
    assert len(found["trials"]) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--flip", "0.5"], "NOISE-003"),
        (["--flip", "-0.1"], "NOISE-003"),
        (["--flip", "a"], "NOISE-003"),
        (["--flip", ","], "NOISE-003"),
        (["--seeds", "0"], "NOISE-003"),
        (["--set", "task=regression", "--set", "label.classes=[]"], "NOISE-001"),
    ],
)
def test_what_has_no_meaning_is_refused_before_anything_runs(tried, arguments, expected) -> None:
    project, _, _ = tried
    before = kept(project)
    gate = ["--set", "gate.rules=[{metric: example_count, min: 1}]"] if "NOISE-001" in expected else []
    assert expected in invoke("noise", str(project.config_path), *arguments, *gate, status=2)
    assert kept(project) == before
