"""The same config on one machine and through the simulated backend: the same model, the same verdicts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import load
from pipeline.kubeflow.compiler.compile import compile_config
from pipeline.kubeflow.simulate import Options, Outcome, simulate
from pipeline.root import Root
from pipeline.runs.store import RunStore

STEPS = 15
UNSTABLE = ("latency_p50_ms", "latency_p99_ms")


class Cluster:
    """A simulated cluster whose state volume holds the rows."""

    def __init__(self, place: Path, small: ModuleType, backend: str = "new") -> None:
        self.place, self.backend = place, backend
        self.volume = place / "volume"
        self.volume.mkdir(parents=True)
        self.config = small.write(place, "binary")
        shutil.copy(place / "data.csv", self.volume)

    @property
    def root(self) -> Root:
        return Root(self.volume)

    def run(self, *overrides: str, parameters: dict[str, str] | None = None) -> Outcome:
        config = load(self.config, ["kubeflow.image=registry/tandem:1", *overrides])
        file = self.place / "pipeline.yaml"
        file.write_text(compile_config(config, self.place))
        return simulate(
            file,
            Options(
                root=self.place / "simulation",
                backend=self.backend,
                volumes={"tandem": self.volume},
                parameters=parameters or {},
            ),
        )

    def states(self, outcome: Outcome) -> dict[str, str]:
        return {task.name: task.state for task in outcome.tasks}

    def log(self, step: str) -> str:
        return (self.place / "simulation" / "logs" / f"{step}.log").read_text(errors="replace")


def verdicts(summary: dict[str, Any]) -> list[Any]:
    return [
        (entry["rule"], entry["slice"], entry["value"], entry["verdict"])
        for entry in summary["gate"]
        if not entry["rule"].startswith(UNSTABLE)
    ]


@pytest.fixture(scope="module")
def cluster(small: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cluster, Outcome]:
    made = Cluster(tmp_path_factory.mktemp("kubeflow"), small)
    return made, made.run()


def test_the_pushed_model_and_the_verdicts_are_those_of_a_run_on_this_machine(
    cluster: tuple[Cluster, Outcome], small_run: Callable[[str], Any]
) -> None:
    made, outcome = cluster
    assert outcome.exit_status == 0, made.log("begin") + made.log("train")
    assert made.states(outcome) == dict.fromkeys(made.states(outcome), "ran")
    assert len(outcome.tasks) == STEPS
    told, here = outcome.summary, small_run("binary").summary
    assert told is not None
    assert told["model_digest"] == here["model_digest"]
    assert verdicts(told) == verdicts(here)
    assert told["metrics"] == here["metrics"]
    assert told["rows"] == here["rows"]
    assert told["fingerprints"] == here["fingerprints"]
    assert told.keys() == here.keys()
    assert (told["status"], told["pushed_version"]) == ("pushed", 1)


def test_the_state_volume_is_a_root_like_any_other(cluster: tuple[Cluster, Outcome]) -> None:
    made, outcome = cluster
    (run,) = RunStore(made.root).all()
    assert run.run_id.endswith(outcome.run_id)
    assert run.report_path.read_text().startswith("<!doctype html>")
    page = made.place / "simulation/objects" / outcome.run_root.replace("://", "/") / "report/report.html"
    assert page.read_bytes() == run.report_path.read_bytes()
    assert {path.stem for path in (run.directory / "logs").iterdir()} >= {"begin", "train", "gate", "push"}
    shown = CliRunner().invoke(app, ["runs", "show", "--root", str(made.volume), "--json"])
    assert json.loads(shown.output)["status"] == "pushed"
    uris = [entry["uri"] for entry in (run.view() or {})["lineage"]["artifacts"]]
    assert all(uri.startswith(outcome.run_root) for uri in uris)


def test_a_repeated_run_is_cached_and_a_rollback_makes_the_push_run_again(
    cluster: tuple[Cluster, Outcome], small: ModuleType, tmp_path: Path
) -> None:
    shutil.copytree(cluster[0].place, tmp_path / "copy")
    made = Cluster.__new__(Cluster)
    made.place, made.backend, made.volume = tmp_path / "copy", "new", tmp_path / "copy/volume"
    made.config = made.place / "config.yaml"
    outcome = made.run()
    states = made.states(outcome)
    ran = {name for name, state in states.items() if state == "ran"}
    assert (ran, outcome.exit_status) == ({"begin", "report", "finish"}, 0)
    assert outcome.summary is not None
    assert [step["state"] for step in outcome.summary["steps"]].count("cached") == 12
    # Other data: everything runs again, and the data are compared with those before.
    small.frame("binary", seed=3).to_csv(made.volume / "data.csv", index=False)
    outcome = made.run("gate.rules=[{metric: auc, min: 0.999}]")
    assert outcome.exit_status == 3
    assert outcome.summary is not None
    assert (outcome.summary["status"], outcome.summary["pushed_version"]) == ("not_blessed", None)
    assert made.states(outcome)["ingest"] == "ran"
    kinds = {entry["kind"] for entry in (RunStore(made.root).find().view() or {})["data"]["drift"]}
    assert "drift" in kinds


def test_a_failing_step_ends_the_run_with_its_error_and_a_report(small: ModuleType, tmp_path: Path) -> None:
    made = Cluster(tmp_path, small)
    (made.volume / "data.csv").write_text("size,colour,dep time,answer\n1,red,2024-01-01,yes\n")
    outcome = made.run()
    states = made.states(outcome)
    assert outcome.exit_status == 1
    failed = next(name for name, state in states.items() if state == "failed")
    assert states["finish"] == "ran"
    assert states["train"] == "skipped"
    summary = RunStore(made.root).find().summary()
    assert summary["status"] == "failed"
    assert summary["error"]["step"] == failed
    assert summary["error"]["code"] in made.log(failed)
    assert RunStore(made.root).find().report_path.exists()


def test_an_old_backend_gives_the_same_and_the_span_of_a_run_is_a_parameter(
    cluster: tuple[Cluster, Outcome], small: ModuleType, tmp_path: Path
) -> None:
    made = Cluster(tmp_path, small, "old")
    for day in ("2026-11-25", "2026-11-26"):
        (made.volume / day).mkdir()
    shutil.copy(made.volume / "data.csv", made.volume / "2026-11-25")
    (made.volume / "2026-11-26/data.csv").write_text("another file of another day")
    path = "data.path='{YYYY}-{MM}-{DD}/data.csv'"
    outcome = made.run(path, parameters={"span": "2026-11-25"})
    assert outcome.exit_status == 0, made.log("begin")
    assert outcome.summary is not None
    assert cluster[1].summary is not None
    assert outcome.summary["spans"] == [20782]
    for key in ("model_digest", "metrics", "rows"):
        assert outcome.summary[key] == cluster[1].summary[key]
    outcome = made.run(path, parameters={"span": "[[ScheduledTime]]"})
    assert outcome.exit_status == 1
    assert "KFP-110" in made.log("begin")


def test_data_that_are_not_on_the_volume_are_told(small: ModuleType, tmp_path: Path) -> None:
    made = Cluster(tmp_path, small)
    outcome = made.run("data.path=absent.csv")
    assert outcome.exit_status == 1
    assert "INGEST-002" in made.log("begin")
    assert RunStore(made.root).find().summary()["error"]["code"] == "INGEST-002"
