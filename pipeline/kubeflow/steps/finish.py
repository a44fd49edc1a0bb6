"""The exit handler: tells how a run ended, also one that failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Artifacts, Component
from components.adapter import Executor as BaseExecutor
from pipeline.config import parse
from pipeline.kubeflow.context import current
from pipeline.kubeflow.ending import conclude
from pipeline.kubeflow.places import Places
from pipeline.kubeflow.record import Record
from pipeline.kubeflow.webhook import Event, send_once, url_from
from trainer.errors import TandemError

_KINDS = {"failed": "failure", "not_blessed": "refusal"}


class FinishExecutor(BaseExecutor):
    """Writes the summary of a failed run, and sends the webhook."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """See base class."""
        del inputs, outputs
        context, config = current(), parse(properties["config"])
        record = Record.find(Places(config).root(context.pod), context.run)
        record.tidy()
        told = record.steps()
        failed = any(entry["state"] == "failed" for entry in told.values())
        summary = _concluded(record, failed or _state(properties.get("status") or "") == "FAILED")
        if summary is None:
            uris = {step: dict(entry.get("outputs") or {}) for step, entry in told.items()}
            prints = json.loads(properties["fingerprints"])
            steps = json.loads(properties["steps"])
            failure = _failure(properties.get("status") or "")
            summary = conclude(
                record, config, properties["config"], steps, record.kept_outputs(), uris, prints, failure
            )
        self._tell(summary, config.name, json.loads(properties["webhook_on"]), record.root.path)

    @staticmethod
    def _tell(summary: Mapping[str, Any], name: str, wanted: list[str], root: Path) -> None:
        kind = _KINDS.get(summary["status"])
        logging.getLogger(__name__).info("Run %s: %s", summary["run_id"], summary["status"])
        if kind is None or kind not in wanted:
            return
        error = summary.get("error") or {}
        refused = [entry for entry in summary.get("gate", []) if entry.get("verdict") == "fail"]
        rules = ", ".join(f"{entry['rule']} ({entry['slice']})" for entry in refused[:5])
        reason = (summary.get("push") or {}).get("reason") or "the model is not blessed"
        told = error.get("message") or (f"rules that do not hold: {rules}" if refused else reason)
        try:
            send_once(url_from(), Event(kind, name, summary["run_id"], told, error.get("code") or ""), root)
        except TandemError:
            # The run is what it is; that nobody was told is in the log.
            logging.getLogger(__name__).exception("The webhook was not sent.")


def _concluded(record: Record, failed: bool) -> Mapping[str, Any] | None:
    """The summary, if it and the report are written and tell how the run ended.

    A report step that fails at its end has told of a run that went well.
    """
    try:
        summary = record.run.summary()
    except TandemError:
        return None
    if not record.run.report_path.exists() or (failed and summary["status"] != "failed"):
        return None
    return summary


def _state(status: str) -> str:
    try:
        return str(json.loads(status).get("state", "unknown"))
    except (ValueError, AttributeError):
        return "unknown"


def _failure(status: str) -> str:
    """What the backend's `PipelineTaskFinalStatus` says of a run that did not write its report."""
    try:
        told = json.loads(status)
        error = told.get("error") or {}
        return f"state {_state(status)} {error.get('message', '')}".strip()
    except (ValueError, AttributeError):
        return "no report"


class FinishSpec(ComponentSpec):
    """No artifacts: those of a failed run may be absent."""

    PARAMETERS: ClassVar = {
        "config": ExecutionParameter(type=str),
        "fingerprints": ExecutionParameter(type=str),
        "steps": ExecutionParameter(type=str),
        "run": ExecutionParameter(type=str),
        "status": ExecutionParameter(type=str),
        "webhook_on": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {}


class Finish(Component):
    """Writes summary and report of a run that failed, and sends the webhook of one that ended badly.

    Args:
        config: YAML of the whole config.
        fingerprints: JSON of the digests of the steps' sources.
        steps: JSON list of the names of all steps, in order.
        run: id of the run.
        status: the backend's final status of the other steps.
        webhook_on: JSON list of what is told: `failure`, `refusal`.
    """

    SPEC_CLASS = FinishSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(FinishExecutor)
