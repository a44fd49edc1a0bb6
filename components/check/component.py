"""The data check component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.check.executor import Executor


class CheckSpec(ComponentSpec):
    """Statistics and anomalies in, a report out."""

    PARAMETERS: ClassVar = {
        "check": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "previous_statistics": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    OUTPUTS: ClassVar = {"report": ChannelParameter(type=standard_artifacts.ExampleAnomalies)}


class Check(Component):
    """Stops the run on error-level anomalies, drift or skew beyond the limits, or too little data.

    Args:
        statistics: channel with the statistics of the ingested examples.
        anomalies: channel with the anomalies found by ExampleValidator.
        check: JSON of the `check` section of the configuration.
        label: label column.
        previous_statistics: statistics directory of the span before; empty for none.
        fingerprint: of sources and libraries, for the cache key.
    """

    SPEC_CLASS = CheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
