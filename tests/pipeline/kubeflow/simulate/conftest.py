"""Small pipelines of plain commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.kubeflow.simulate import Options, Outcome, Watcher, simulate

DATASET = {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
PRELUDE = """
import json, os, sys, time
mounts = json.loads(os.environ["TANDEM_POD_MOUNTS"])
def host(path):
    for mount in sorted(mounts, key=len, reverse=True):
        if path == mount or path.startswith(mount + "/"):
            return mounts[mount] + path[len(mount):]
    return path
def local(uri):
    scheme, _, rest = uri.partition("://")
    return host({"gs": "/gcs/", "s3": "/s3/", "minio": "/minio/"}[scheme] + rest)
def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
given = json.loads(sys.argv[1])
"""


def python(code: str, *arguments: str) -> dict[str, Any]:
    """A container that runs `code`, in which `given` is its input."""
    return {"image": "image", "command": ["python3", "-c", PRELUDE + code, "{{$}}", *arguments]}


def shell(code: str, *arguments: str) -> dict[str, Any]:
    """A container that runs a shell; arguments are `$0` and so on."""
    return {"image": "image", "command": ["sh", "-c", code], "args": list(arguments)}


class Builder:
    """A pipeline, task by task."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {"dag": {"tasks": {}}}
        self.components: dict[str, Any] = {}
        self.executors: dict[str, Any] = {}
        self.platform: dict[str, Any] = {}

    def task(
        self,
        name: str,
        container: dict[str, Any],
        after: tuple[str, ...] = (),
        takes: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
        makes: tuple[str, ...] = (),
        tells: dict[str, str] | None = None,
        tasks: dict[str, Any] | None = None,
        kinds: dict[str, str] | None = None,
        kubernetes: dict[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Adds a task; `takes` has `producer.output` by input, `parameters` a source or constant by name."""
        sources = {
            key: value if isinstance(value, dict) else {"runtimeValue": {"constant": value}}
            for key, value in (parameters or {}).items()
        }
        kinds = kinds or {}
        self.components[f"comp-{name}"] = {
            "executorLabel": f"{name}_executor",
            "inputDefinitions": {
                "artifacts": dict.fromkeys(takes or {}, DATASET),
                "parameters": {key: {"parameterType": kinds.get(key, "STRING")} for key in sources},
            },
            "outputDefinitions": {
                "artifacts": dict.fromkeys(makes, DATASET),
                "parameters": {key: {"parameterType": kind} for key, kind in (tells or {}).items()},
            },
        }
        self.executors[f"{name}_executor"] = {"container": container}
        if kubernetes:
            self.platform[f"{name}_executor"] = kubernetes
        artifacts = {
            key: {
                "taskOutputArtifact": {
                    "producerTask": source.split(".")[0],
                    "outputArtifactKey": source.split(".")[1],
                }
            }
            for key, source in (takes or {}).items()
        }
        task = {
            "taskInfo": {"name": name},
            "componentRef": {"name": f"comp-{name}"},
            "dependentTasks": list(after),
            "inputs": {"artifacts": artifacts, "parameters": sources},
            **more,
        }
        (self.root["dag"]["tasks"] if tasks is None else tasks)[name] = task
        return self.components[f"comp-{name}"]

    def inputs(self, **parameters: dict[str, Any]) -> None:
        """Inputs of the root."""
        self.root["inputDefinitions"] = {"parameters": parameters}

    def write(self, path: Path) -> Path:
        """Writes the file."""
        spec = {
            "schemaVersion": "2.1.0",
            "pipelineInfo": {"name": "small"},
            "root": self.root,
            "components": self.components,
            "deploymentSpec": {"executors": self.executors},
        }
        platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": self.platform}}}}
        path.write_text(yaml.safe_dump_all([spec, platform]))
        return path


class Told(Watcher):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, str]] = []
        self.lines: list[tuple[str, str]] = []

    def warning(self, name: str, text: str) -> None:
        """Something that the backend only warns of."""
        self.warnings.append((name, text))

    def output(self, name: str, text: str) -> None:
        """A line that a task wrote."""
        self.lines.append((name, text))


@pytest.fixture
def pipeline() -> Builder:
    """An empty pipeline."""
    return Builder()


@pytest.fixture
def told() -> Told:
    """A watcher that remembers."""
    return Told()


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, told: Told) -> Run:
    """Simulates a pipeline; options by name."""

    def simulated(pipeline: Builder, **options: Any) -> Outcome:
        file = pipeline.write(tmp_path / "pipeline.yaml")
        return simulate(file, Options(root=tmp_path / "root", **options), told)

    return simulated


def states(outcome: Outcome) -> dict[str, str]:
    """State by task."""
    return {task.name: task.state for task in outcome.tasks}
