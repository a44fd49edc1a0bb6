"""The serve component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.serve.executor import Executor


class ServeSpec(ComponentSpec):
    """Release in, outcome of the rollout out."""

    PARAMETERS: ClassVar = {
        "kserve": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {"release": ChannelParameter(type=standard_artifacts.PushedModel)}
    OUTPUTS: ClassVar = {"service": ChannelParameter(type=standard_artifacts.InfraBlessing)}


class Serve(Component):
    """Points a KServe InferenceService at the release and waits until it is ready; takes it back if not.

    The output holds `service.json`, and `INFRA_BLESSED` or `INFRA_NOT_BLESSED` as the stock InfraValidator
    does. It carries the integer `blessed` (0 or 1) and the texts `storage_uri`, `previous_storage_uri`,
    `action` and `reason`. A release that is not ready in time fails the step; the model stays pushed.

    Args:
        release: channel with the release.
        kserve: JSON of `components.serve.settings.Settings`.
        fingerprint: of sources and libraries, for the cache key. Defaults to `""`.
    """

    SPEC_CLASS = ServeSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
