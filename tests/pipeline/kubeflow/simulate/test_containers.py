"""Tasks in containers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.containers import Containers, engine, quantity
from pipeline.kubeflow.simulate.pod import Pod
from tests.pipeline.kubeflow.simulate.conftest import shell, states
from trainer.errors import TandemError

IMAGE = "tandem-pipeline:local"


def missing() -> str:
    """Why containers cannot be run here; empty if they can."""
    try:
        engine()
    except TandemError as error:
        return f"no Docker engine: {error.message}"
    found = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    return "" if found.returncode == 0 else f"no image {IMAGE}: `make images` builds it"


@pytest.fixture
def docker() -> None:
    """Skips where containers cannot be run."""
    if reason := missing():
        pytest.skip(reason)


def test_a_container_gets_limits_mounts_and_variables_but_no_value_of_them(monkeypatch) -> None:
    monkeypatch.setattr("pipeline.kubeflow.simulate.containers.engine", lambda: "1")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    container = ps.PipelineDeploymentConfig.PipelineContainerSpec(image="registry/image:1")
    container.resources.resource_memory_limit = "2Gi"
    container.resources.resource_cpu_limit = "1500m"
    mounts = {"/gcs": Path("/r/gcs"), "/tandem": Path("/v/t"), "/tmp/kfp": Path("/r/tmp/kfp")}
    pod = Pod("train-1", Path("/r"), mounts, {"TOKEN": "secret"}, "1Gi")
    words = Containers().arguments("x", ["python", "-m", "step"], pod, container)
    text = " ".join(words)
    assert "secret" not in text
    assert text.endswith("--env TOKEN --entrypoint python registry/image:1 -m step")
    for part in ("--read-only", "--memory 2147483648", "--cpus 1.5", "--shm-size 1073741824",
                 "-v /r/gcs:/gcs", "-v /v/t:/tandem", "-v /r/tmp:/tmp"):  # fmt: skip
        assert part in text
    assert "/tmp/kfp" not in text
    assert "--user" not in text
    assert Containers("other").arguments("x", ["a"], pod, container)[-1] == "other"


def test_a_quantity_is_that_of_kubernetes() -> None:
    assert [float(quantity(text)) for text in ("500m", "2", "1.5k", "1Ki")] == [0.5, 2, 1500, 1024]
    with pytest.raises(TandemError, match="KFP-217"):
        quantity("2GB")


def test_without_an_engine_it_says_so(pipeline, run, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    pipeline.task("a", shell("true"))
    with pytest.raises(TandemError, match="KFP-218") as caught:
        run(pipeline, container=True)
    assert caught.value.exit_status == 2
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TandemError, match="KFP-218"):
        engine()


@pytest.mark.usefixtures("docker")
def test_tasks_run_in_containers_at_true_paths(pipeline, run) -> None:
    make = 'touch /bin/x 2>/dev/null && exit 9; mkdir -p "$0"; '
    make += 'echo "$WORD" > "$0/rows" && touch /tmp/t /state/s'
    container = shell(make, "{{$.outputs.artifacts['data'].path}}") | {
        "env": [{"name": "WORD", "value": "w"}]
    }
    claim = {"pvcMount": [{"mountPath": "/state", "constant": "state"}]}
    pipeline.task("make", container, makes=("data",), kubernetes=claim)
    pipeline.task("use", shell('test "$0" = "$1" && cp "$0/rows" "$2"', "{{$.inputs.artifacts['data'].path}}",
                               "{{$.inputs.artifacts['data'].path}}",
                               "{{$.outputs.parameters['seen'].output_file}}"),
                  takes={"data": "make.data"}, tells={"seen": "STRING"})  # fmt: skip
    for backend in ("old", "new"):
        outcome = run(pipeline, container=True, image=IMAGE, backend=backend)
        assert states(outcome) == {"make": "ran", "use": "ran"}, json.dumps(outcome.to_dict(), indent=1)
        assert outcome.tasks[1].parameters == {"seen": "w\n"}
        assert outcome.tasks[0].outputs["data"].path.startswith(str(outcome.root / "objects/minio"))
        assert (outcome.root / "volumes/state/s").exists()


@pytest.mark.usefixtures("docker")
def test_a_container_that_takes_too_long_is_removed(pipeline, run) -> None:
    pipeline.task("slow", shell("sleep 60"), kubernetes={"activeDeadlineSeconds": "2"})
    assert "DeadlineExceeded" in run(pipeline, container=True, image=IMAGE).tasks[0].error
    left = subprocess.run(["docker", "ps", "-aq", "--filter", "name=slow-1"], capture_output=True, check=True)
    assert left.stdout == b""
