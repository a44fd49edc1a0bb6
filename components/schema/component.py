"""The schema component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.schema.executor import Executor


class SchemaSpec(ComponentSpec):
    """Statistics in, a schema out."""

    PARAMETERS: ClassVar = {
        "columns": ExecutionParameter(type=str),
        "label": ExecutionParameter(type=str),
        "check": ExecutionParameter(type=str),
        "directory": ExecutionParameter(type=str),
        "version": ExecutionParameter(type=int),
        "state": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {"statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics)}
    OUTPUTS: ClassVar = {"schema": ChannelParameter(type=standard_artifacts.Schema)}


class Schema(Component):
    """Infers the schema while none is kept and hands out the kept version afterwards.

    Args:
        statistics: channel with the statistics of the ingested examples.
        columns: JSON object, storage type (`string`, `text`, `float`, `int64`) by column.
        label: label column.
        check: JSON of `min_domain_mass` and `max_missing_increase`, see `infer`.
        directory: where versions are kept.
        version: the version to use, which need not exist; the step `check` keeps the first one.
        state: of that version (`KeptSchemas.state`), for the cache key.
        fingerprint: of sources and libraries, for the cache key.
    """

    SPEC_CLASS = SchemaSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
