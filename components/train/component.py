"""The training component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.train.executor import Executor


class TrainSpec(ComponentSpec):
    """Transformed examples in, model and training record out."""

    PARAMETERS: ClassVar = {
        "plan": ExecutionParameter(type=str),
        "model_config": ExecutionParameter(type=str),
        "train": ExecutionParameter(type=str),
        "reading": ExecutionParameter(type=str),
        "recorded_requests": ExecutionParameter(type=int),
        "checkpoint_root": ExecutionParameter(type=str),
        "warm_start_from": ExecutionParameter(type=str, optional=True),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "transformed_examples": ChannelParameter(type=standard_artifacts.Examples),
        "transform_graph": ChannelParameter(type=standard_artifacts.TransformGraph),
    }
    OUTPUTS: ClassVar = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
    }


class Train(Component):
    """Trains a model for the task of the plan and exports it with the transform inside.

    Args:
        examples: channel with the raw examples, of which some are recorded as requests.
        transformed_examples: channel with the transformed examples.
        transform_graph: channel with the transform graph.
        plan: JSON of the feature plan that the transform was made from.
        model_config: JSON of the `model` section of the configuration.
        train: JSON of the `train` section.
        reading: JSON of how files were read (`delimiter`, `null_values`), kept with the model so that the
            files it scores are read alike.
        recorded_requests: rows of the eval split to record with the model's answers.
        checkpoint_root: directory for checkpoints, outside of the artifacts.
        warm_start_from: `components.push.state.warm_start_from(...)`, the model whose weights the training
            starts from. Defaults to `""`, which is none.
        fingerprint: of sources and libraries, for the cache key.
    """

    SPEC_CLASS = TrainSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
