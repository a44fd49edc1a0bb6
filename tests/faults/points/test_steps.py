"""Faults in the steps that only a run on Kubeflow has: told with a code, and whole when they are retried."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.kubeflow.pod import VARIABLE
from pipeline.kubeflow.simulate.files import put
from pipeline.kubeflow.webhook import URL_VARIABLE
from pipeline.runs.store import RunStore
from tests.faults.points.place import Place, distinct
from tests.pipeline.kubeflow.pods import FAILED, NEXT, RUN, RUN_ROOT, Pods, outputs_of
from tests.pipeline.kubeflow.schedule.receiver import Receiver, receiving
from trainer.errors import TandemError

# Points that only these steps pass.
POINTS = ("record.begin", "record.keep", "record.tidy", "entrypoint.prepare", "simulate.put")
LONG = ("raise", "ENOSPC", "ENOSPC*", "EROFS", "short")
ACTIONS = ["kill", "EIO", *(pytest.param(action, marks=pytest.mark.soak) for action in LONG)]
# The same at every point and not only at one of each name, and at those of what a reader sees.
SHORT = [(action, False) for action in ("kill", "EIO")]
EVERY = [pytest.param(action, True, marks=pytest.mark.soak) for action in ("kill", "EIO", *LONG)]
ONCE = re.compile(r"storage\.\w+ (registry\.json|small)")
SEEN = re.compile(r"storage\.(replace|open) (summary|report|digests|config|begin).*")


class Sweep:
    """One step after the other, each with a fault at one point after the other."""

    def __init__(self, tandem: Any, pods: Pods, url: str = "") -> None:
        self.tandem, self.pods = tandem, pods
        self.environment = {VARIABLE: json.dumps(pods.mounts), URL_VARIABLE: url}
        self.met: set[str] = set()

    def run(self, step: str, told: dict[str, Any], fault: str = "") -> Any:
        arguments = self.pods.arguments(step, told)
        return self.tandem(
            self.pods.place, *arguments, fault=fault, program="step", environment=self.environment
        )

    def points(self, step: str, told: dict[str, Any], every: bool) -> list[str]:
        """Points of a run without a fault, those of the same name and kind once."""
        trace = self.pods.place / "trace"
        trace.unlink(missing_ok=True)
        ended = self.run(step, told, f"trace {trace}")
        assert ended.status == 0, ended
        text = re.sub(rf"(\d{{8}}-\d{{6}}-)?({RUN}|{NEXT})", "*", trace.read_text())
        trace.write_text(text)
        # The identity of the registry is written by the first run only.
        found = [point for point in distinct(trace) if not ONCE.fullmatch(point)]
        self.met |= {point.partition(" ")[0] for point in found}
        if every:
            return found
        first = {point.partition(" ")[0]: point for point in reversed(found)}
        return [point for point in found if point in first.values() or SEEN.fullmatch(point)]

    def break_at(self, points: list[str], action: str, step: str, told: dict[str, Any]) -> None:
        """Every try fails with a code or dies and shows nothing torn; then one without a fault ends."""
        for point in points:
            ended = self.run(step, told, f"{action} {point}")
            about = (action, step, point, ended)
            if action == "kill":
                assert ended.status == -9, about
            elif ended.status != 0:
                assert ended.status == 1, about
                assert re.search(r"^[A-Z]+-\d{3}: ", ended.err, re.M), about
            self.assert_whole()
        assert self.run(step, told).status == 0
        self.assert_whole()

    def assert_whole(self) -> None:
        """Whatever is there can be read, and there is at most one directory of a run."""
        runs = RunStore(self.pods.root).all()
        assert len({run.run_id[16:] for run in runs}) == len(runs)
        for run in runs:
            assert run.config_path.read_text().startswith("name: small")
            for path in (*run.directory.glob("*.json"), *run.directory.glob("steps/*.json")):
                json.loads(path.read_text())
            if run.report_path.exists():
                assert run.report_path.read_text().rstrip().endswith("</html>")
            if (run.directory / "kept/statistics/statistics").exists():
                assert list((run.directory / "kept/statistics/statistics").glob("Split-*/FeatureStats.pb"))
        for file in (self.pods.place / "tmp/kfp_outputs").glob("*.json"):
            json.loads(file.read_text())

    def leftovers(self) -> list[Path]:
        return [
            path for path in self.pods.root.runs.rglob("*") if path.name.endswith((".unfinished", ".part"))
        ]


@pytest.fixture
def pods(tmp_path: Path, unbroken: Any) -> Pods:
    """Pods of the config of `small_run`, but with the data of the sweep's own place."""
    (tmp_path / "pods").mkdir()
    source = unbroken[0]
    overrides = [
        "label={column: late, classes: ['0', '1']}",
        "features={size: {kind: numeric}, colour: {kind: categorical}}",
        "crosses=[]", "data={path: 'data/*.csv', max_bad_row_fraction: 0.1}",
    ]  # fmt: skip
    made = Pods(tmp_path / "pods", *overrides, directory=tmp_path)
    shutil.copytree(source.directory / "data", made.volume / "data")
    return made


@pytest.mark.parametrize("action", ACTIONS)
def test_a_file_for_the_state_volume_is_there_or_not(tandem, tmp_path: Path, action: str) -> None:
    Place(tmp_path)
    image = "kubeflow.image=registry/tandem:1"
    compiled = tandem(tmp_path, "compile", "config.yaml", "-o", "pipeline.yaml", "--set", image)
    assert compiled.status == 0, compiled
    (tmp_path / "rows.csv").write_text("a\n1\n")
    command = ["simulate", "pipeline.yaml", "--root", "simulation", "--put", "rows.csv"]
    ended = tandem(tmp_path, *command, fault=f"{action} simulate.put rows.csv")
    if action == "kill":
        assert ended.status == -9
    else:
        assert ended.status == 1
        assert re.match(r"[A-Z]+-\d{3} ", ended.err), ended
        assert "Traceback" not in ended.err
    (volume,) = (tmp_path / "simulation/volumes").iterdir()
    assert list(volume.iterdir()) == []
    put([tmp_path / "rows.csv"], volume)
    assert {path.name: path.read_text() for path in volume.iterdir()} == {"rows.csv": "a\n1\n"}


def span(told: dict[str, Any]) -> dict[str, Any]:
    told["inputs"]["parameterValues"]["span"] = ""
    return told


@pytest.mark.parametrize(("action", "every"), [*SHORT, *EVERY])
def test_the_first_step_fails_at_one_point_after_the_other(
    tandem, pods: Pods, action: str, every: bool
) -> None:
    sweep = Sweep(tandem, pods)
    points = sweep.points("begin", span(pods.told("begin", NEXT)), every)
    wanted = pods.written("begin", NEXT)["parameterValues"]
    assert {"record.begin", "entrypoint.prepare"} <= sweep.met
    sweep.break_at(points, action, "begin", span(pods.told("begin")))
    assert pods.written("begin")["parameterValues"] == wanted
    record = pods.record()
    assert record.digests() == {"data": wanted["data"], "run": wanted["run"]}
    assert record.steps()["begin"]["state"] == "ran"
    # Nothing of the first tries that were killed before there was a run.
    assert len(list(pods.root.runs.iterdir())) == 2
    assert sweep.leftovers() == []


@pytest.mark.parametrize(("action", "every"), [*SHORT, *EVERY])
def test_the_report_fails_at_one_point_after_the_other(
    tandem, pods: Pods, unbroken, action: str, every: bool
) -> None:
    sweep = Sweep(tandem, pods)
    for run in (RUN, NEXT):
        assert sweep.run("begin", span(pods.told("begin", run))).status == 0
    inputs = pods.report_inputs(outputs_of(unbroken[0].root.path))
    points = sweep.points("report", pods.told("report", NEXT, inputs), every)
    assert "record.keep" in sweep.met
    # Of a step that was killed while it kept its output.
    part = pods.record().kept / "statistics/.statistics.part"
    part.mkdir(parents=True)
    points.insert(0, "record.tidy")
    sweep.break_at(points, action, "report", pods.told("report", RUN, inputs))
    told, other = pods.record().run.summary(), pods.record(NEXT).run.summary()
    assert (told["status"], told["error"]) == ("pushed", None)
    same = ("metrics", "gate", "model_digest", "rows", "fingerprints", "pushed_version", "next_command")
    assert [told[key] for key in same] == [other[key] for key in same]
    for file in ("report.html", "summary.json"):
        copy = pods.local(f"{RUN_ROOT}/{RUN}/report/{file}")
        assert copy.read_bytes() == (pods.record().run.directory / file).read_bytes()
    assert sweep.leftovers() == []


@pytest.mark.parametrize(("action", "every"), [*SHORT, *EVERY])
def test_the_exit_handler_fails_at_one_point_after_the_other(
    tandem, pods: Pods, action: str, every: bool
) -> None:
    with receiving() as receiver:
        sweep = Sweep(tandem, pods, receiver.url)
        points = sweep.points("finish", pods.told("finish", NEXT, status=FAILED), every)
        told = pods.told("finish", RUN, status=FAILED)
        sweep.break_at(points, action, "finish", told)
        summary = pods.record().run.summary()
        assert (summary["status"], summary["error"]["code"]) == ("failed", "KFP-111")
        assert sweep.leftovers() == []
        _assert_told(receiver, pods, sweep, told)


def _assert_told(receiver: Receiver, pods: Pods, sweep: Sweep, told: dict[str, Any]) -> None:
    """Of each run; a message whose remembrance failed is sent again rather than lost, and then no more."""
    ids = [message["run_id"] for message in receiver.messages]
    assert set(ids) == {pods.record(run).run.run_id for run in (RUN, NEXT)}
    assert sweep.run("finish", told).status == 0
    assert len(receiver.messages) == len(ids)


def test_a_step_that_finds_no_volume_says_so_whatever_it_is(tandem, pods: Pods) -> None:
    sweep = Sweep(tandem, pods)
    for step in ("train", "report"):
        ended = sweep.run(step, pods.told(step))
        assert ended.status == 1
        assert re.search(r"^KFP-104: ", ended.err, re.M), (step, ended)
    shutil.rmtree(pods.volume)
    for step in ("begin", "train", "finish"):
        ended = sweep.run(step, pods.told(step))
        assert ended.status == 1
        assert re.search(r"^KFP-105: ", ended.err, re.M), (step, ended)
    with pytest.raises(TandemError, match="KFP-104"):
        pods.record()
