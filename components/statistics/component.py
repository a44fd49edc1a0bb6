"""The statistics component."""

from __future__ import annotations

from typing import ClassVar

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Component
from components.statistics.executor import Executor


class StatisticsSpec(ComponentSpec):
    """Examples in, their statistics out."""

    PARAMETERS: ClassVar = {
        "quantiles": ExecutionParameter(type=int),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS: ClassVar = {"statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics)}


class Statistics(Component, base_beam_component.BaseBeamComponent):
    """Computes what StatisticsGen computes, and writes the same artifact, in memory that rows do not fill.

    Args:
        examples: channel with the ingested examples.
        quantiles: buckets of the histogram of quantiles of a number.
        fingerprint: of sources and libraries, for the cache key.
    """

    SPEC_CLASS = StatisticsSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
