"""The push component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.push.executor import Executor


class PushSpec(ComponentSpec):
    """Model and blessing in, pushed model out."""

    PARAMETERS: ClassVar = {
        "serving_root": ExecutionParameter(type=str),
        "registry_root": ExecutionParameter(type=str),
        "name": ExecutionParameter(type=str),
        "registry_state": ExecutionParameter(type=str, optional=True),
        "run_fingerprint": ExecutionParameter(type=str, optional=True),
        "fingerprint": ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS: ClassVar = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}


class Push(Component):
    """Pushes the model if, and only if, the blessing is of this very model.

    The output carries the integer properties `pushed` (0 or 1), `pushed_version` (0 for none) and `created`,
    and the texts `model_digest`, `pushed_destination` and `reason`; `push.json` in it holds the same.

    Args:
        model: channel with the candidate.
        blessing: channel with the decision of the gate.
        serving_root: directory of all served models.
        registry_root: directory of all registries.
        name: name of the served model.
        registry_state: `registry_state(...).push`; a cached push counts only under the same state, so a
            rollback makes the step run again. Defaults to `""`.
        run_fingerprint: text that names the inputs of the run, see `registry_state`. Defaults to `""`.
        fingerprint: of sources and libraries, for the cache key. Defaults to `""`.
    """

    SPEC_CLASS = PushSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
