"""The scoring component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.score.executor import Executor


class ScoreSpec(ComponentSpec):
    """Examples and two models in, scored examples out."""

    PARAMETERS: ClassVar = {
        "task": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "columns": ExecutionParameter(type=str),
        "weight_column": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
    }
    OUTPUTS: ClassVar = {"scores": ChannelParameter(type=standard_artifacts.Examples)}


class Score(Component):
    """Predicts the eval split with candidate and baseline, through the exported serving signature.

    The stock Evaluator then reads predictions as columns: it neither loads models nor runs them row by row.

    Args:
        examples: channel with the ingested examples.
        model: channel with the candidate.
        baseline_model: channel with the baseline.
        model_run: channel with the training summary (label statistics, or the specification of sequences).
        task: `binary`, `multiclass`, `regression`, `seq2seq` or `language_model`.
        label: label column.
        columns: JSON list of the columns used by slices.
        weight_column: column with the weight of a row; empty for none.
        fingerprint: of sources and libraries, for the cache key.
    """

    SPEC_CLASS = ScoreSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
