"""Pods of single steps in this process: what the backend and the launcher do for each, in a few lines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that others import
import yaml

from pipeline.config import Config, parse
from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.compiler.compile import compile_config
from pipeline.kubeflow.encoding import decode
from pipeline.kubeflow.graph import RUN_ID
from pipeline.kubeflow.record import Record
from pipeline.kubeflow.steps.report import INPUTS
from pipeline.root import Root

Json = dict[str, Any]
RUN = "6f1c2a54-7d1a-4a39-9f4e-0a1b2c3d4e5f"
NEXT = "7a2d3b65-8e2b-4b40-8a5f-1b2c3d4e5f60"
RUN_ROOT = "minio://mlpipeline/v2/artifacts/tandem-small"
SUCCEEDED = {"state": "SUCCEEDED", "error": {"code": 2}}
FAILED = {"state": "FAILED", "error": {"code": 4, "message": "pod train failed"}}
CONFIG = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: data.csv}
features:
  size: {kind: numeric}
  colour: {kind: categorical}
  dep time: {kind: timestamp}
crosses: [{columns: [colour, dep time.hour]}]
model: {deep: {hidden: [8]}}
train: {epochs: 2, batch_size: 64, calibrate: true}
gate: {rules: [{metric: log_loss, better_than: prior}]}
kubeflow: {image: 'registry/tandem:1', webhook: {secret: hook}}
"""


class Pods:
    """A compiled config, a state volume and an object store.

    Args:
        place: a new directory.
        overrides: of the config.
        directory: of the config file. Defaults to `place`.
    """

    def __init__(self, place: Path, *overrides: str, directory: Path | None = None) -> None:
        self.place = place
        self.config: Config = parse(CONFIG, list(overrides))
        spec, _ = yaml.safe_load_all(compile_config(self.config, directory or place))
        self.components: Json = spec["components"]
        self.executors: Json = spec["deploymentSpec"]["executors"]
        self.tasks: Json = spec["components"]["tfx-dag"]["dag"]["tasks"] | spec["root"]["dag"]["tasks"]
        self.volume = place / "volume"
        self.volume.mkdir()
        self.mounts = {name: str(place / name[1:]) for name in ("/minio", "/tmp/kfp_outputs")}
        self.mounts["/tandem"] = str(self.volume)

    @property
    def root(self) -> Root:
        return Root(self.volume)

    def record(self, run: str = RUN) -> Record:
        return Record.find(self.root, run)

    def constants(self, step: str) -> Json:
        """The parameters that the file itself gives a step, as text."""
        sources = self.tasks[step]["inputs"]["parameters"]
        found = {name: one.get("runtimeValue", {}).get("constant") for name, one in sources.items()}
        return {name: decode(value) for name, value in found.items() if isinstance(value, str)}

    def told(self, step: str, run: str = RUN, artifacts: Json | None = None, **parameters: Any) -> Json:
        """`ExecutorInput` of a step."""
        component = self.components[step]
        sources = self.tasks[step].get("inputs", {}).get("parameters", {})
        values = {name: one.get("runtimeValue", {}).get("constant") for name, one in sources.items()}
        values = {name: run if value == RUN_ID else value for name, value in values.items()}
        values |= parameters
        outputs = component.get("outputDefinitions", {})
        task = f"{RUN_ROOT}/{run}/{step}/1"
        return {
            "inputs": {"artifacts": artifacts or {}, "parameterValues": values},
            "outputs": {
                "artifacts": {
                    name: {
                        "artifacts": [
                            {
                                "name": name,
                                "uri": f"{task}/{name}",
                                "type": {"schemaTitle": "system.Artifact"},
                            }
                        ]
                    }
                    for name in (*outputs.get("artifacts", {}), "executor-logs")
                },
                "parameters": {
                    name: {"outputFile": f"/tmp/kfp_outputs/{name}"} for name in outputs.get("parameters", {})
                },
                "outputFile": f"/tmp/kfp_outputs/{step}-{run}.json",
            },
        }

    def arguments(self, step: str, told: Json) -> list[str]:
        """Those of the container."""
        given = self.executors[f"{step}_executor"]["container"]["args"]
        return [json.dumps(told) if argument == "{{$}}" else argument for argument in given]

    def run(self, step: str, run: str = RUN, artifacts: Json | None = None, **parameters: Any) -> int:
        """Runs a step here; the mounts must be in the environment."""
        return entrypoint.run(self.arguments(step, self.told(step, run, artifacts, **parameters)))

    def written(self, step: str, run: str = RUN) -> Json:
        """What the launcher reads."""
        return dict(json.loads((self.place / f"tmp/kfp_outputs/{step}-{run}.json").read_text()))

    def begin(self, run: str = RUN, **parameters: Any) -> Json:
        """Runs the first step; its outputs."""
        assert self.run("begin", run, **{"span": ""} | parameters) == 0
        return dict(self.written("begin", run)["parameterValues"])

    def local(self, uri: str) -> Path:
        """Where the launcher lays an artifact."""
        return self.place / uri.replace("://", "/")

    def report_inputs(self, outputs: Mapping[str, Mapping[str, str]], run: str = RUN) -> Json:
        """Artifacts of the report step: copies of those of a run on this machine."""
        artifacts = {}
        for name, (step, output) in INPUTS.items():
            uri = f"{RUN_ROOT}/{run}/{step}/1/{output}"
            if not self.local(uri).exists():
                shutil.copytree(outputs[step][output], self.local(uri))
            artifacts[name] = {"artifacts": [{"name": "1", "uri": uri, "type": {"schemaTitle": ""}}]}
        return artifacts


def outputs_of(root: Path) -> dict[str, dict[str, str]]:
    """Directory by output by step of the newest execution on a root."""
    found: dict[str, dict[str, str]] = {}
    for path in (root / "artifacts").glob("*/*"):
        executions = [one for one in path.iterdir() if one.name.isdecimal()] if path.is_dir() else []
        if executions:
            newest = max(executions, key=lambda one: int(one.name))
            found.setdefault(path.parent.name, {})[path.name] = str(newest)
    return found
