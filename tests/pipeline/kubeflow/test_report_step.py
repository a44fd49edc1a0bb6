"""The step that writes summary and report, on the outputs of a run on one machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.kubeflow.steps.report import FILES, INPUTS
from pipeline.runs.history import previous_statistics
from tests.pipeline.kubeflow.pods import NEXT, RUN, RUN_ROOT, Pods, outputs_of

Json = dict[str, Any]


class Ended:
    """A run whose steps all ended, up to the report."""

    def __init__(self, pods: Pods, result: Any) -> None:
        self.pods, self.here = pods, result.summary
        self.outputs = outputs_of(result.run.directory.parents[1])
        pods.begin()
        self.inputs = pods.report_inputs(self.outputs)

    def report(self) -> int:
        return self.pods.run("report", artifacts=self.inputs)

    @property
    def summary(self) -> Json:
        return self.pods.record().run.summary()


@pytest.fixture
def ended(pods: Callable[..., Pods], small_run: Callable[[str], Any]) -> Ended:
    return Ended(pods(), small_run("binary"))


def test_the_summary_is_that_of_a_run_on_one_machine(ended: Ended) -> None:
    assert ended.report() == 0
    told, here = ended.summary, ended.here
    for key in ("metrics", "gate", "model_digest", "rows", "spans", "fingerprints", "push", "name", "task"):
        assert told[key] == here[key], key
    assert told.keys() == here.keys()
    assert (told["status"], told["pushed_version"], told["error"]) == ("pushed", 1, None)
    assert told["run_id"].endswith(RUN)
    assert told["next_command"] == f"tandem predict {ended.pods.volume}/serving/small FILE"
    steps = {step["name"]: step["state"] for step in told["steps"]}
    assert steps == {"begin": "ran"} | {step["name"]: "cached" for step in here["steps"]}
    assert [event["event"] for event in ended.pods.record().run.events()][-2:] == [
        "run_finished",
        "step_finished",
    ]


def test_report_and_summary_lie_where_the_id_of_the_run_leads(ended: Ended) -> None:
    assert ended.report() == 0
    artifacts = ended.pods.written("report")["artifacts"]
    for name, file in FILES.items():
        (artifact,) = artifacts[name]["artifacts"]
        assert (artifact["uri"], artifact["name"]) == (f"{RUN_ROOT}/{RUN}/report/{file}", name)
        there = ended.pods.local(artifact["uri"])
        assert there.read_bytes() == (ended.pods.record().run.directory / file).read_bytes()
    page = ended.pods.local(f"{RUN_ROOT}/{RUN}/report/report.html").read_text()
    assert page.startswith("<!doctype html>")
    lineage = (ended.pods.record().run.view() or {})["lineage"]["artifacts"]
    wanted = [(step, output, f"{RUN_ROOT}/{RUN}/{step}/1/{output}") for step, output in INPUTS.values()]
    assert sorted((one["step"], one["name"], one["uri"]) for one in lineage) == sorted(wanted)


def test_the_next_run_compares_its_data_with_those_of_this_one(ended: Ended, small: ModuleType) -> None:
    assert ended.report() == 0
    pods, record = ended.pods, ended.pods.record()
    uri = ended.summary["statistics_uri"]
    assert uri == f"runs/{record.run.run_id}/kept/statistics/statistics"
    source = Path(ended.outputs["statistics"]["statistics"])
    kept = pods.volume / uri
    names = [path.relative_to(source) for path in sorted(source.rglob("*.pb"))]
    assert names
    assert all((kept / name).read_bytes() == (source / name).read_bytes() for name in names)
    # The same data: nothing to compare with. Other data: these.
    assert previous_statistics(pods.root, "small", ended.here["fingerprints"]["data"]) == ""
    assert pods.begin(NEXT)["previous_statistics"] == ""
    small.frame("binary", seed=3).to_csv(pods.volume / "data.csv", index=False)
    assert pods.begin(NEXT)["previous_statistics"] == f"/tandem/{uri}"


def test_the_checkpoints_of_this_run_are_discarded_and_no_others(ended: Ended) -> None:
    place = ended.pods.root.checkpoints / "small"
    for run in (RUN, "another-run"):
        (place / run / "0123").mkdir(parents=True)
        (place / run / "0123" / "checkpoint-000000000001.tandem").write_text("x")
    assert ended.report() == 0
    assert [path.name for path in place.iterdir()] == ["another-run"]


def test_steps_that_ran_are_told_with_their_times(ended: Ended) -> None:
    entry = {"state": "ran", "seconds": 2.5, "peak_rss_bytes": 7}
    ended.pods.record().write_step("train", entry)
    assert ended.report() == 0
    steps = {step["name"]: step for step in ended.summary["steps"]}
    assert steps["train"] == {"name": "train"} | entry
    assert steps["schema"] == {"name": "schema", "state": "cached", "seconds": 0.0, "peak_rss_bytes": 0}


def test_a_refused_model_is_told_as_one(ended: Ended) -> None:
    pushed = ended.pods.local(f"{RUN_ROOT}/{RUN}/push/1/pushed_model") / "push.json"
    told = json.loads(pushed.read_text()) | {"pushed": False, "version": None, "reason": "gate"}
    pushed.write_text(json.dumps(told))
    assert ended.report() == 0
    assert (ended.summary["status"], ended.summary["pushed_version"]) == ("not_blessed", None)
    assert ended.summary["next_command"].startswith(f"tandem gate explain {ended.summary['run_id']}")


FAULTS = (
    "record.keep statistics",
    "storage.open summary.json",
    "storage.replace report.html",
    "run.event step_*",
)


@pytest.mark.parametrize("point", FAULTS)
def test_a_report_that_failed_is_whole_after_its_retry(
    ended: Ended, fault: Callable[[str], None], capfd: pytest.CaptureFixture[str], point: str
) -> None:
    fault(f"ENOSPC {point}")
    try:
        assert ended.report() == 1
        assert "REPORT-900" in capfd.readouterr().err
        assert ended.pods.record().steps()["report"]["state"] == "failed"
    except OSError:
        # Outside of the executor; the program itself tells it.
        assert point.startswith("run.event")
    fault("")
    assert ended.report() == 0
    assert (ended.summary["status"], ended.summary["error"]) == ("pushed", None)
    assert "report" not in {step["name"] for step in ended.summary["steps"]}
    for file in FILES.values():
        copy = ended.pods.local(f"{RUN_ROOT}/{RUN}/report/{file}")
        assert copy.read_bytes() == (ended.pods.record().run.directory / file).read_bytes()
    assert [
        path for path in ended.pods.volume.rglob("*") if path.name.endswith((".part", ".unfinished"))
    ] == []
