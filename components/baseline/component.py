"""The baseline component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.baseline.executor import Executor


class BaselineSpec(ComponentSpec):
    """Training summary in, baseline model out."""

    PARAMETERS: ClassVar = {
        "serving_root": ExecutionParameter(type=str),
        "registry_root": ExecutionParameter(type=str),
        "name": ExecutionParameter(type=str),
        "registry_state": ExecutionParameter(type=str, optional=True),
        "fingerprint": ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "transform_graph": ChannelParameter(type=standard_artifacts.TransformGraph, optional=True),
    }
    OUTPUTS: ClassVar = {"baseline_model": ChannelParameter(type=standard_artifacts.Model)}


class Baseline(Component):
    """Copies the newest blessed model, or exports the prior where there is none: a constant prediction.

    The output carries the integer properties `is_prior` (0 or 1) and `version` (of the blessed model,
    compared with or not; 0 for none), and the texts `model_digest`, `unreadable` and `incomparable` (why the
    model that the registry names cannot be read, or not be compared with the candidate; empty if it can).
    Of sequence tasks the prior lies in the directory `prior` of the output as well.

    Args:
        model_run: channel with the training summary (feature specification, label statistics or prior).
        transform_graph: channel with the transform graph, needed for sequence tasks alone. Defaults to none.
        serving_root: directory of all served models.
        registry_root: directory of all registries.
        name: name of the served model.
        registry_state: `registry_state(...).baseline`, so that a push or a rollback makes the step run again.
            Defaults to `""`.
        fingerprint: of sources and libraries, for the cache key. Defaults to `""`.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
