"""The TFX component that reads the data."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.ingest.executor import Executor


class IngestSpec(component_spec.ComponentSpec):
    """No inputs; the examples and a report about them."""

    PARAMETERS = {  # noqa: RUF012
        "data": component_spec.ExecutionParameter(type=str),
        "label": component_spec.ExecutionParameter(type=str),
        "task": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
        "base_directory": component_spec.ExecutionParameter(type=str),
        "input_fingerprint": component_spec.ExecutionParameter(type=str),
        "span": component_spec.ExecutionParameter(type=str, optional=True),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "report": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }


class Ingest(base_beam_component.BaseBeamComponent):
    """Reads files of rows into Examples with the splits `train`, `validation` and `eval`.

    The output is taken from the cache when all parameters are the same, so both fingerprints are
    parameters: of the input files, and of the code.

    Args:
        data: JSON of the data section of the config.
        label: JSON of the label section.
        task: `binary`, `multiclass`, `regression`, `seq2seq` or `language_model`.
        features: JSON of the feature sections by column.
        base_directory: directory of the config file, to which paths are relative.
        input_fingerprint: digest of the input, from `fingerprint.fingerprint`.
        fingerprint: digest of the code and its libraries; only part of the cache key.
        span: number of the span to read in place of `data.span`. Defaults to `""`, which changes nothing.
    """

    SPEC_CLASS = IngestSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        data: str,
        label: str,
        task: str,
        features: str,
        base_directory: str,
        input_fingerprint: Any,
        fingerprint: str,
        span: Any = "",
    ) -> None:
        examples = types.Channel(type=standard_artifacts.Examples)
        report = types.Channel(type=standard_artifacts.ExampleAnomalies)
        super().__init__(
            spec=IngestSpec(
                data=data,
                label=label,
                task=task,
                features=features,
                base_directory=base_directory,
                input_fingerprint=input_fingerprint,
                span=span,
                fingerprint=fingerprint,
                examples=examples,
                report=report,
            )
        )
        self.with_id("ingest")
