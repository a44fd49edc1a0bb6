"""What the open-source backend tells a container: TFX's stock entrypoint fails on it, ours does not."""

from __future__ import annotations

import argparse
import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that others import
import pytest
import tensorflow as tf
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.compiler_utils import get_artifact_schema
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.types import standard_artifacts

from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.pod import VARIABLE

Json = dict[str, Any]
RUN = "6f1c2a54-7d1a-4a39-9f4e-0a1b2c3d4e5f"
UUID = "11111111-2222-3333-4444-555555555555"
EXECUTOR = "components.schema.executor.Executor"


def schema_of(kind: type) -> Json:
    found = get_artifact_schema(kind)
    return {"instanceSchema": found.decode() if isinstance(found, bytes) else found}


INPUTS: Json = {
    "artifacts": {"statistics": {"artifactType": schema_of(standard_artifacts.ExampleStatistics)}},
    "parameters": {
        **{name: {"parameterType": "STRING"} for name in ("columns", "label", "check", "directory", "state")},
        "version": {"parameterType": "NUMBER_INTEGER"},
        "fingerprint": {"parameterType": "STRING"},
    },
}
OUTPUTS: Json = {"artifacts": {"schema": {"artifactType": schema_of(standard_artifacts.Schema)}}}


class Call:
    """The schema step, as the backend calls it; `old`: before 2025-09."""

    def __init__(self, place: Path, statistics: Path, scheme: str, old: bool) -> None:
        self.place, self.scheme = place, scheme
        root = {"gs": "gcs"}.get(scheme, scheme)
        self.run = f"mlpipeline/v2/artifacts/tandem-small/{RUN}"
        below = "" if old else f"/{UUID}"
        self.local = place / root / self.run
        shutil.copytree(statistics, self.local / "statistics" / "statistics")
        self.output = self.local / f"schema{below}" / "schema"
        task = f"{scheme}://{self.run}/schema{below}"
        self.file = (
            place / "tmp/kfp_outputs/output_metadata.json"
            if old
            else self.output.parent / "output_metadata.json"
        )
        given: Json = {"schemaTitle": "system.Artifact"} if not old else {"instanceSchema": ""}
        self.told: Json = {
            "inputs": {
                "artifacts": {
                    "statistics": {
                        "artifacts": [
                            {
                                "name": "17",
                                "uri": f"{scheme}://{self.run}/statistics/statistics",
                                "type": given,
                                "metadata": {
                                    "split_names": '["train"]',
                                    "span": 0.0,
                                    "display_name": "statistics",
                                    "store_session_info": "{}",
                                },
                            }
                        ]
                    }
                },
                "parameterValues": {
                    "columns": json.dumps({"answer": "int64", "size": "float"}),
                    "label": "answer",
                    "check": json.dumps({"min_domain_mass": 0.95, "max_missing_increase": 0.1}),
                    "directory": str(place / "schemas"),
                    "state": "",
                    "version": 1.0,
                    "fingerprint": "x",
                },
            },
            "outputs": {
                "artifacts": {
                    "schema": {
                        "artifacts": [
                            {
                                "name": "schema",
                                "uri": f"{task}/schema",
                                "type": OUTPUTS["artifacts"]["schema"]["artifactType"],
                            }
                        ]
                    },
                    "executor-logs": {
                        "artifacts": [
                            {
                                "name": "executor-logs",
                                "uri": f"{task}/executor-logs",
                                "type": {"schemaTitle": "system.Artifact"},
                            }
                        ]
                    },
                },
                "outputFile": "/tmp/kfp_outputs/output_metadata.json"
                if old
                else f"/{root}/{self.run}/schema{below}/output_metadata.json",
            },
        }

    @property
    def mounts(self) -> dict[str, str]:
        """Where the pod's places are."""
        names = ("gcs", "s3", "minio", "tmp/kfp_outputs")
        return {f"/{name}": str(self.place / name) for name in names}

    def written(self) -> Json:
        return dict(json.loads(self.file.read_text()))

    def mended(self, *breaks: str) -> Json:
        """What is told with some of the breaks taken out, so that the stock entrypoint meets the others."""
        told = copy.deepcopy(self.told)
        statistics = told["inputs"]["artifacts"]["statistics"]["artifacts"][0]
        if "logs" in breaks:
            del told["outputs"]["artifacts"]["executor-logs"]
        if "types" in breaks:
            statistics["type"] = schema_of(standard_artifacts.ExampleStatistics)
        if "storage" in breaks:
            statistics["uri"] = str(self.local / "statistics/statistics")
            told["outputs"]["artifacts"]["schema"]["artifacts"][0]["uri"] = str(self.output)
            told["outputs"]["outputFile"] = str(self.file)
        return told


@pytest.fixture
def call(
    tmp_path: Path, small_run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Call]:
    def made(scheme: str = "minio", old: bool = True) -> Call:
        place = tmp_path / f"{scheme}-{old}"
        found = sorted(small_run("binary").run.directory.parents[1].glob("artifacts/statistics/statistics/*"))
        told = Call(place, found[-1], scheme, old)
        monkeypatch.setenv(VARIABLE, json.dumps(told.mounts))
        return told

    return made


def run_stock(told: Json) -> None:
    kubeflow_v2_run_executor._run_executor(
        argparse.Namespace(
            executor_class_path=EXECUTOR,
            json_serialized_invocation_args=json.dumps(told),
            json_serialized_inputs_spec_args=json.dumps(INPUTS),
        ),
        [],
    )


def arguments(told: Json) -> list[str]:
    return [
        "--step", "schema",
        "--json_serialized_outputs_spec_args", json.dumps(OUTPUTS),
        "--executor_class_path", EXECUTOR,
        "--json_serialized_invocation_args", json.dumps(told),
        "--json_serialized_inputs_spec_args", json.dumps(INPUTS),
    ]  # fmt: skip


def test_the_stock_entrypoint_runs_when_every_break_is_taken_out(call: Callable[..., Call]) -> None:
    told = call()
    told.output.parent.mkdir(parents=True)
    run_stock(told.mended("logs", "types", "storage"))
    assert (told.output / "schema.pbtxt").exists()


def test_4_an_output_that_the_backend_adds(call: Callable[..., Call]) -> None:
    told = call()
    with pytest.raises(ImportError, match=r"system\.Artifact"):
        run_stock(told.mended("types", "storage"))
    assert entrypoint.run(arguments(told.told)) == 0
    assert set(told.written()["artifacts"]) == {"schema"}


@pytest.mark.parametrize("old", [True, False], ids=["old backend", "new backend"])
def test_5_input_artifacts_without_their_type(call: Callable[..., Call], old: bool) -> None:
    told = call(old=old)
    with pytest.raises(AttributeError if old else ImportError):
        run_stock(told.mended("logs", "storage"))
    assert entrypoint.run(arguments(told.told)) == 0
    assert (told.output / "schema.pbtxt").exists()


@pytest.mark.parametrize("scheme", ["gs", "s3", "minio"])
def test_13_every_storage_of_the_launcher(
    call: Callable[..., Call], scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = call(scheme)
    monkeypatch.chdir(tmp_path)
    if scheme != "gs":  # TensorFlow's own client of gs:// would look for a server for minutes
        with pytest.raises(tf.errors.UnimplementedError):
            tf.io.gfile.exists(f"{scheme}://bucket/x")
        # What TFX hands an executor of plain files is no place that the launcher takes anything from.
        run_stock(told.mended("logs", "types") | {"inputs": told.mended("types", "storage")["inputs"]})
        assert not told.output.exists()
    assert entrypoint.run(arguments(told.told)) == 0
    (artifact,) = told.written()["artifacts"]["schema"]["artifacts"]
    assert artifact["uri"] == told.told["outputs"]["artifacts"]["schema"]["artifacts"][0]["uri"]
    assert (told.output / "schema.pbtxt").exists()


def test_14_no_marker_objects_for_directories(call: Callable[..., Call]) -> None:
    told = call("gs")
    assert entrypoint.run(arguments(told.told)) == 0
    made = [path.name for path in told.output.rglob("*") if path.is_file()]
    assert made == ["schema.pbtxt"]


def test_17_what_is_written_back_is_what_the_launcher_parses(call: Callable[..., Call]) -> None:
    told = call()
    metadata = told.told["inputs"]["artifacts"]["statistics"]["artifacts"][0]["metadata"]
    metadata |= {"several": {"list": [1, 2]}, "more": {"struct": {"a": 1}}, "nothing": None}
    stock = told.mended("logs", "types", "storage")
    translated = entrypoint.executor_input(told.told, INPUTS, OUTPUTS, entrypoint.Pod(told.mounts))
    seen = translated["inputs"]["artifacts"]["statistics"]["artifacts"][0]["metadata"]
    assert seen["several"] == [1, 2]
    assert seen["more"] == {"a": 1}
    assert "nothing" not in seen
    assert "display_name" not in seen
    # The stock program hands the wrapped list on as it is.
    kept = stock["inputs"]["artifacts"]["statistics"]["artifacts"][0]["metadata"]
    assert kept["several"] == {"list": [1, 2]}
    assert entrypoint.run(arguments(told.told)) == 0
    written = told.written()
    json_format.ParseDict(written, pipeline_spec_pb2.ExecutorOutput())
    (artifact,) = written["artifacts"]["schema"]["artifacts"]
    assert artifact["name"] == "schema"
    assert None not in artifact["metadata"].values()
    assert not {"display_name", "store_session_info", "remote_uri"} & artifact["metadata"].keys()


def test_22_the_process_ends_at_once_with_the_status_of_the_step(call: Callable[..., Call]) -> None:
    told = call()
    environment = os.environ | {VARIABLE: json.dumps(told.mounts)}
    # A thread that never ends would keep an interpreter that shuts down in order.
    program = (
        "import sys, threading; from pipeline.kubeflow.entrypoint import main; "
        "threading.Thread(target=threading.Event().wait).start(); main(sys.argv[1:])"
    )
    for argv, status in ((arguments(told.told), 0), (arguments(told.told)[:2], 2)):
        done = subprocess.run(
            [sys.executable, "-c", program, *argv],
            env=environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr[-2000:]
    assert "required" in done.stderr


def test_a_step_that_fails_says_why_and_leaves_no_output_file(call: Callable[..., Call]) -> None:
    told = call()
    shutil.rmtree(told.local / "statistics/statistics/Split-train")
    with pytest.raises(Exception, match="SCHEMA-002"):
        entrypoint.run(arguments(told.told))
    assert not told.file.exists()
