"""The data check component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.check.executor import Executor


class CheckSpec(ComponentSpec):
    """Statistics, anomalies and schema in, a report out."""

    PARAMETERS: ClassVar = {
        "check": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "time_column": ExecutionParameter(type=str),
        "previous_statistics": ExecutionParameter(type=str),
        "directory": ExecutionParameter(type=str),
        "version": ExecutionParameter(type=int),
        "origin": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS: ClassVar = {"report": ChannelParameter(type=standard_artifacts.ExampleAnomalies)}


class Check(Component):
    """Stops the run on error-level anomalies, drift or skew beyond the limits, or too little data.

    The schema of the first data that pass is kept, so that later data are compared with it.

    Args:
        statistics: channel with the statistics of the ingested examples.
        anomalies: channel with the anomalies found by ExampleValidator.
        schema: channel with the schema that they were found with.
        check: JSON of the `check` section of the configuration, and `texts`, the columns of text.
        label: label column.
        time_column: column with the time of a row; empty for none.
        previous_statistics: statistics directory of the span before; empty for none.
        directory: where versions of the schema are kept.
        version: the version in use; the schema is kept as this one if it does not exist.
        origin: digest of all that the schema is inferred from.
        fingerprint: of sources and libraries, for the cache key.
    """

    SPEC_CLASS = CheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
