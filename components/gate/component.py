"""The gate component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.gate.executor import Executor


class GateSpec(ComponentSpec):
    """Models, metrics and scores in, blessing out."""

    PARAMETERS: ClassVar = {
        "gate": ExecutionParameter(type=str),
        "evaluate": ExecutionParameter(type=str),
        "push": ExecutionParameter(type=str),
        "timeout_seconds": ExecutionParameter(type=int, optional=True),
        "fingerprint": ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "scores": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS: ClassVar = {"blessing": ChannelParameter(type=standard_artifacts.ModelBlessing)}


class Gate(Component):
    """Blesses the model if every rule holds and the exported model answers as the trained one did.

    The output carries the integer property `blessed` (0 or 1) and the text `model_digest`; `gate.json` in it
    holds every verdict, and a file `BLESSED` or `NOT_BLESSED` marks it as the stock Evaluator does. Anything
    missing or unreadable is a reason for not blessed and raises nothing.

    Args:
        model: channel with the candidate.
        model_run: channel with the recorded requests of training.
        baseline_model: channel with the baseline.
        evaluation: channel with the metrics of the stock Evaluator.
        scores: channel with the scored examples.
        gate: JSON of the section `gate` of the configuration.
        evaluate: JSON of the section `evaluate`.
        push: JSON of the section `push`.
        timeout_seconds: longest dry run. Defaults to `900`.
        fingerprint: of sources and libraries, for the cache key. Defaults to `""`.
    """

    SPEC_CLASS = GateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
