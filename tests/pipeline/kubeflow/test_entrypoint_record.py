"""The container of a step with a state volume: record, log, error, a pod that is stopped or may do little."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfx import v1 as tfx  # isort: skip  # prepares the modules that others import
import pytest
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.proto import example_gen_pb2

from pipeline.fingerprint import source_fingerprint
from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.compiler.compile import compile_pipeline
from pipeline.kubeflow.pod import VARIABLE
from pipeline.kubeflow.record import Record
from pipeline.kubeflow.steps.report import INPUTS
from tests.pipeline.kubeflow.pods import NEXT, RUN, RUN_ROOT, Pods, outputs_of
from trainer.errors import TandemError

Json = dict[str, Any]
Made = Callable[..., Pods]
PROJECT = Path(__file__).resolve().parents[3]
# Of this run: another one on the machine may leave files of its own.
NOBODY = 20_000 + os.getpid() % 40_000


def test_a_step_that_ran_is_recorded_with_its_log(pods: Made) -> None:
    volume = pods()
    volume.begin()
    record = volume.record()
    (step,) = record.steps().values()
    assert (step["name"], step["state"], step["attempt_log"]) == ("begin", "ran", "logs/begin.log")
    assert step["outputs"]["data"] == f"{RUN_ROOT}/{RUN}/begin/1/data"
    assert step["seconds"] > 0
    assert step["peak_rss_bytes"] > 1 << 20
    assert "Starting executor" in (record.run.directory / step["attempt_log"]).read_text()
    assert [(event["event"], event.get("state")) for event in record.run.events()][-2:] == [
        ("step_started", None),
        ("step_finished", "ran"),
    ]


@pytest.mark.parametrize("step", ["begin", "finish"])
def test_a_volume_that_is_not_mounted_is_told(pods: Made, step: str) -> None:
    volume = pods()
    shutil.rmtree(volume.volume)
    with pytest.raises(TandemError, match=r"KFP-105.*/tandem.*nothing is mounted") as refused:
        volume.run(step)
    assert str(volume.place) not in str(refused.value)
    assert not volume.volume.exists()


@pytest.mark.parametrize("step", ["ingest", "report"])
def test_a_step_on_another_volume_than_the_first_is_told(pods: Made, step: str) -> None:
    volume = pods()
    volume.begin(NEXT)
    with pytest.raises(TandemError, match=rf"KFP-104.*{RUN}"):
        volume.run(step)
    assert len(list(volume.root.runs.iterdir())) == 1


def test_a_step_that_fails_is_recorded_with_the_exit_status_of_its_error(
    pods: Made, capfd: pytest.CaptureFixture[str]
) -> None:
    volume = pods()
    volume.begin()
    # The backend wants whole numbers here; what is wrong is told by whoever reads it.
    assert volume.run("ingest", base_directory="/nowhere", span="", input_fingerprint="") == 2
    assert "INGEST-002" in capfd.readouterr().err
    step = volume.record().steps()["ingest"]
    assert (step["state"], step["error"]["code"]) == ("failed", "INGEST-002")
    assert step["error"].keys() == {"code", "message", "hint"}
    log = volume.record().run.log_path("ingest").read_text()
    assert "Step ingest failed." in log
    assert "Traceback" in log
    assert volume.record().run.events()[-1]["state"] == "failed"
    # The retry replaces it.
    told = volume.written("begin")["parameterValues"]
    assert volume.run("ingest", span="", input_fingerprint=told["data"]) == 0
    step = volume.record().steps()["ingest"]
    assert step["state"] == "ran"
    assert "error" not in step
    assert [path.name for path in (volume.record().kept / "ingest").iterdir()] == ["report"]


def test_an_exception_that_nobody_foresaw_has_the_code_of_the_step(pods: Made, fault) -> None:
    volume = pods()
    fault("raise entrypoint.prepare begin")
    assert volume.run("begin", span="") == 1
    error = volume.record().steps()["begin"]["error"]
    assert (error["code"], error["message"]) == (
        "BEGIN-900",
        "Step begin failed unexpectedly: InjectedError: entrypoint.prepare begin",
    )


def process(volume: Pods, argv: list[str], **options: Any) -> subprocess.Popen[str]:
    """The container of a step as a process."""
    more = options.pop("environment", {})
    environment = os.environ | {VARIABLE: json.dumps(volume.mounts), "PYTHONPATH": str(PROJECT)} | more
    command = [*options.pop("before", []), sys.executable, "-m", "pipeline.kubeflow.entrypoint", *argv]
    return subprocess.Popen(
        command, env={name: text for name, text in environment.items() if text is not None},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_what_cannot_be_recorded_ends_the_process_with_a_code(pods: Made) -> None:
    volume = pods()
    argv = volume.arguments("begin", volume.told("begin", span=""))
    with process(volume, argv, environment={"TANDEM_FAULT": "ENOSPC run.event run_created"}) as ended:
        _, told = ended.communicate(timeout=180)
    assert ended.returncode == 1
    assert "KFP-106: Expected to read what the step is told and to keep its record. Received: OSError" in told


# Break 6: the backend never runs the driver of a FileBasedExampleGen.


@pytest.fixture
def example_gen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pods:
    """A stock CsvExampleGen with `{SPAN}` and `{VERSION}` in its pattern, compiled."""
    rows = tmp_path / "rows"
    for span, version, text in ((1, 1, "a"), (7, 1, "old"), (7, 2, "new")):
        place = rows / f"span-{span}" / f"v{version}"
        place.mkdir(parents=True)
        (place / "rows.csv").write_text("size,name\n" + "".join(f"{row},{text}\n" for row in range(20)))
    pattern = "span-{SPAN}/v{VERSION}/*.csv"
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    source = tfx.components.CsvExampleGen(
        input_base=str(rows), input_config=example_gen_pb2.Input(splits=[split])
    ).with_id("rows")
    pipeline = tfx.dsl.Pipeline("small", pipeline_root="minio://mlpipeline/v2", components=[source])
    spec = compile_pipeline(pipeline, image="registry/tandem:1")
    made = Pods.__new__(Pods)
    made.place = tmp_path
    made.components = spec["components"]
    made.executors = spec["deploymentSpec"]["executors"]
    made.tasks = spec["root"]["dag"]["tasks"]
    made.mounts = {name: str(tmp_path / name[1:]) for name in ("/minio", "/tmp/kfp_outputs")}
    monkeypatch.setenv(VARIABLE, json.dumps(made.mounts))
    return made


def names(uri: Path) -> set[bytes]:
    """Values of the column `name`."""
    import tensorflow as tf

    files = [str(path) for path in uri.rglob("*.gz")]
    parsed = [tf.train.Example.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(files, "GZIP")]
    return {one.features.feature["name"].bytes_list.value[0] for one in parsed}


def test_6_the_newest_span_is_read_and_told(example_gen: Pods) -> None:
    told = example_gen.told("rows")
    argv = example_gen.arguments("rows", told)
    translated = entrypoint.executor_input(
        told, example_gen.components["rows"]["inputDefinitions"],
        example_gen.components["rows"]["outputDefinitions"], entrypoint.Pod(example_gen.mounts),
    )  # fmt: skip
    stock = argparse.Namespace(
        executor_class_path=argv[argv.index("--executor_class_path") + 1],
        json_serialized_invocation_args=json.dumps(translated),
        json_serialized_inputs_spec_args=argv[argv.index("--json_serialized_inputs_spec_args") + 1],
    )
    with pytest.raises(Exception, match="does not match any files"):
        kubeflow_v2_run_executor._run_executor(stock, [])
    assert entrypoint.run(argv) == 0
    uri = f"{RUN_ROOT}/{RUN}/rows/1/examples"
    assert names(example_gen.local(uri)) == {b"new"}
    (artifact,) = example_gen.written("rows")["artifacts"]["examples"]["artifacts"]
    assert artifact["uri"] == uri
    metadata = artifact["metadata"]
    # So TFX writes, and reads, a custom property that has the name of another.
    assert (metadata["custom:span"], metadata["custom:version"]) == (7.0, 2.0)
    assert "split:all" in metadata["input_fingerprint"]
    assert "num_files:1" in metadata["input_fingerprint"]
    assert json.loads(metadata["split_names"]) == ["train", "eval"]
    assert "remote_uri" not in metadata


# Break 21, and a pod that is stopped.


class Stopped:
    """A training as a user who owns nothing, stopped after its first checkpoint."""

    def __init__(self, volume: Pods, outputs: dict[str, dict[str, str]]) -> None:
        self.volume, self.outputs, began = volume, outputs, time.time() - 1
        self.temporary = volume.place / "temporary"
        self.temporary.mkdir()
        argv = volume.arguments("train", volume.told("train", artifacts=self._inputs(), **self._found()))
        restricted = os.geteuid() == 0 and shutil.which("setpriv") is not None
        before = []
        if restricted:
            for place in (volume.place, *volume.place.rglob("*")):
                os.chown(place, NOBODY, NOBODY)
            caps = "+dac_read_search"
            before = [
                "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                f"--inh-caps={caps}", f"--ambient-caps={caps}",
            ]  # fmt: skip
        # No home and no passwd entry: what the file itself sets must do.
        container = volume.executors["train_executor"]["container"]
        given = {entry["name"]: entry["value"] for entry in container["env"]}
        assert given["HOME"] == given["TMPDIR"] == "/tmp"
        given |= dict.fromkeys(("HOME", "TMPDIR"), str(self.temporary))
        environment = given | {"PYTHONDONTWRITEBYTECODE": None}
        nowhere = volume.place / "nowhere"
        nowhere.mkdir(mode=0o555)
        with process(volume, argv, before=before, environment=environment, cwd=nowhere) as running:
            deadline = time.monotonic() + 180
            while not self.checkpoints() and running.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            running.send_signal(signal.SIGTERM)
            _, self.told = running.communicate(timeout=60)
        self.status = running.returncode
        found = self._shared() if restricted else ()
        self.written = [path for path, one in found if one.st_uid == NOBODY and one.st_ctime > began]

    def checkpoints(self) -> list[Path]:
        return list(self.volume.root.checkpoints.glob("small/**/checkpoint-*.tandem"))

    def _inputs(self) -> Json:
        found = {}
        for name, source in self.volume.tasks["train"]["inputs"]["artifacts"].items():
            step, output = (
                source["taskOutputArtifact"][key] for key in ("producerTask", "outputArtifactKey")
            )
            uri = f"{RUN_ROOT}/{RUN}/{step}/1/{output}"
            shutil.copytree(self.outputs[step][output], self.volume.local(uri))
            found[name] = {"artifacts": [{"name": "1", "uri": uri, "type": {}, "metadata": {}}]}
        return found

    def _found(self) -> Json:
        return {"warm_start_from": self.volume.begin()["warm_start_from"]}

    def _shared(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Files in the places that everybody may write to, but for those of the tests."""
        for place in map(Path, ("/tmp", "/var/tmp", "/dev/shm")):
            for folder, folders, files in os.walk(place):
                if Path(folder) == self.volume.place.parent:
                    folders.remove(self.volume.place.name)
                for path in (Path(folder) / name for name in (*folders, *files)):
                    # What another process has removed meanwhile was not left behind.
                    with contextlib.suppress(FileNotFoundError):
                        yield path, path.lstat()


@pytest.fixture(scope="module")
def stopped(
    small_run: Callable[[str], Any],
) -> Iterator[Stopped]:
    root = small_run("binary").run.directory.parents[1]
    # Nobody but the owner may enter the directories of pytest.
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        Path(directory).chmod(0o755)
        volume = Pods(
            Path(directory),
            "train.epochs=100000",
            "train.early_stopping.enabled=false",
            "train.checkpoint_every_steps=20",
        )
        shutil.copy(root.parent / "data.csv", volume.volume)
        patch.setenv(VARIABLE, json.dumps(volume.mounts))
        yield Stopped(volume, outputs_of(root))


def test_a_training_whose_pod_is_stopped_keeps_its_checkpoint(stopped: Stopped) -> None:
    assert stopped.status == 130, stopped.told[-3000:]
    assert stopped.checkpoints()
    step = stopped.volume.record().steps()["train"]
    assert (step["state"], step["error"]["code"]) == ("failed", "KFP-108")
    assert "KFP-108" in stopped.told
    assert not (stopped.volume.place / f"tmp/kfp_outputs/train-{RUN}.json").exists()


def test_21_a_user_who_owns_nothing_writes_to_the_places_of_the_pod_only(stopped: Stopped) -> None:
    assert stopped.status == 130, stopped.told[-3000:]
    assert stopped.written == []
    here = {path.name for path in stopped.volume.place.iterdir()}
    assert here == {"volume", "minio", "tmp", "temporary", "nowhere"}
    assert list((stopped.volume.place / "nowhere").iterdir()) == []


def test_the_inputs_of_the_report_are_outputs_of_steps(pods: Made) -> None:
    volume = pods()
    for name, (step, output) in INPUTS.items():
        assert name in volume.components["report"]["inputDefinitions"]["artifacts"]
        assert output in volume.components[step]["outputDefinitions"]["artifacts"]


def test_an_image_of_other_sources_than_the_file_is_refused(pods: Made) -> None:
    volume = pods()
    volume.begin()
    told = volume.told("ingest", RUN, None, span="", input_fingerprint="")
    arguments = volume.arguments("ingest", told)
    place = arguments.index("--sources") + 1
    assert arguments[place] == source_fingerprint("ingest")
    arguments[place] = "0" * 16
    with pytest.raises(TandemError, match=r"KFP-107.*make images"):
        entrypoint.run(arguments)


def test_two_runs_train_in_directories_of_their_own_and_a_push_knows_its_run(
    pods: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def execute(options: Any, beam: Any, translated: Any, *_: Any) -> None:
        del options, beam
        seen.append((translated["inputs"]["parameterValues"]["checkpoint_root"], os.environ["TANDEM_RUN_ID"]))

    volume = pods()
    monkeypatch.setattr(entrypoint, "_execute", execute)
    monkeypatch.setenv("TANDEM_RUN_ID", "")
    for run in (RUN, NEXT):
        Record.begin(
            volume.root, run, volume.told("begin", run, None, span="")["inputs"]["parameterValues"]["config"]
        )
        assert volume.run("train", run, warm_start_from="") == 0
    root = volume.root.checkpoints / "small"
    assert seen == [(f"{root}/{run}", run) for run in (RUN, NEXT)]
