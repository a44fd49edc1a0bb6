"""The step that writes summary and report of a run whose steps all ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.experimental import simple_artifacts

from components.adapter import Artifacts, Component, directory, only
from components.adapter import Executor as BaseExecutor
from components.train.group import layout
from components.train.group.outcome import exchange_of
from pipeline.config import parse
from pipeline.kubeflow.context import current
from pipeline.kubeflow.ending import conclude
from pipeline.kubeflow.places import Places
from pipeline.kubeflow.record import KEPT, Record
from pipeline.kubeflow.translate import REMOTE
from trainer.checkpoints import discard
from trainer.storage import write_atomic

# Input of the step: the step and the output that it comes from.
INPUTS: Mapping[str, tuple[str, str]] = {
    "ingest_report": ("ingest", "report"),
    "statistics": ("statistics", "statistics"),
    "anomalies": ("validator", "anomalies"),
    "model": ("train", "model"),
    "model_run": ("train", "model_run"),
    "scores": ("score", "scores"),
    "evaluation": ("evaluate", "evaluation"),
    "blessing": ("gate", "blessing"),
    "pushed_model": ("push", "pushed_model"),
}
FILES: Mapping[str, str] = {"report": "report.html", "summary": "summary.json"}
_TYPES: Mapping[str, type] = {
    "ingest_report": standard_artifacts.ExampleAnomalies,
    "statistics": standard_artifacts.ExampleStatistics,
    "anomalies": standard_artifacts.ExampleAnomalies,
    "model": standard_artifacts.Model,
    "model_run": standard_artifacts.ModelRun,
    "scores": standard_artifacts.Examples,
    "evaluation": standard_artifacts.ModelEvaluation,
    "blessing": standard_artifacts.ModelBlessing,
    "pushed_model": standard_artifacts.PushedModel,
}


class ReportExecutor(BaseExecutor):
    """Writes `report.html` and `summary.json` at addresses that follow from the id of the run."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """See base class."""
        del outputs
        context, config = current(), parse(properties["config"])
        root = Places(config).root(context.pod)
        record = Record.find(root, context.run)
        record.tidy()
        local: dict[str, dict[str, str]] = {}
        uris: dict[str, dict[str, str]] = {}
        for name, (step, output) in INPUTS.items():
            place = str(directory(inputs, name))
            record.keep(step, {output: place})
            kept = record.kept / step / output
            # The statistics outlive the pod: the next run compares its data with them.
            local.setdefault(step, {})[output] = str(kept) if output in KEPT.get(step, ()) else place
            uris.setdefault(step, {})[output] = only(inputs, name).get_string_custom_property(REMOTE)
        fingerprints = json.loads(properties["fingerprints"])
        steps = json.loads(properties["steps"])
        conclude(record, config, properties["config"], steps, local, uris, fingerprints)
        # Those of this run's training, whose model is safe.
        discard(root.checkpoints / config.name / context.run)
        if exchange := exchange_of(directory(inputs, "model_run")):
            layout.discard(exchange)
        for name, file in FILES.items():
            moved = f"{context.outputs[name].partition(context.run)[0]}{context.run}/report/{file}"
            write_atomic(Path(context.pod.artifact(moved)), (record.run.directory / file).read_bytes())
            context.moved[name] = moved


class ReportSpec(ComponentSpec):
    """Everything the report shows in, report and summary out."""

    PARAMETERS: ClassVar = {
        "config": ExecutionParameter(type=str),
        "fingerprints": ExecutionParameter(type=str),
        "steps": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {name: ChannelParameter(type=kind) for name, kind in _TYPES.items()}
    OUTPUTS: ClassVar = {name: ChannelParameter(type=simple_artifacts.File) for name in FILES}


class Report(Component):
    """Writes summary and report to the state volume, and as artifacts that the backend's pages show.

    Args:
        config: YAML of the whole config.
        fingerprints: JSON of the digests of the steps' sources.
        steps: JSON list of the names of all steps, in order.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ReportExecutor)
