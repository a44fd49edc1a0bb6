"""The release component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.release.executor import Executor


class ReleaseSpec(ComponentSpec):
    """Pushed model in, release out."""

    PARAMETERS: ClassVar = {
        "serving_root": ExecutionParameter(type=str),
        "name": ExecutionParameter(type=str),
        "settings": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}
    OUTPUTS: ClassVar = {"release": ChannelParameter(type=standard_artifacts.PushedModel)}


class Release(Component):
    """Copies the pushed version to where the cluster serves it from; nothing pushed is nothing released.

    The output holds `release.json`, and with `storage: artifact` the version as `1/`, so that its own URI is
    the directory that a model server is pointed at. It carries the integers `released` (0 or 1) and
    `release_version`, and the texts `model_digest`, `release_path`, `mirror` and `reason`.

    Args:
        pushed_model: channel with what the push came to.
        serving_root: directory of all served models.
        name: name of the served model.
        settings: JSON of `components.release.release.Settings`.
        fingerprint: of sources and libraries, for the cache key. Defaults to `""`.
    """

    SPEC_CLASS = ReleaseSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
