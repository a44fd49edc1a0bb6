"""The first step: what `tandem run` looks at before it begins, as parameters of the steps."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.adapter import Artifacts, Component, only
from components.adapter import Executor as BaseExecutor
from pipeline.config import Config, parse
from pipeline.kubeflow.context import current
from pipeline.kubeflow.places import Places
from pipeline.kubeflow.record import Record
from pipeline.kubeflow.spans import span_number
from pipeline.state import State, find
from trainer.storage import write_atomic

_INTEGER = "schema_version"
OUTPUTS = (*(field.name for field in dataclasses.fields(State)), "resolved_span")


class BeginExecutor(BaseExecutor):
    """Writes every field of `State`, and the span, as the value of an output."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Looks at data, kept schemas and registry on the state volume."""
        del inputs
        places = Places(parse(properties["config"]), properties["prepare_source"])
        pod = current().pod
        root, base = places.root(pod), Path(pod.path(str(places.base)))
        if places.prepare_file is not None:
            write_atomic(base / places.prepare_file, properties["prepare_source"])
        number = span_number(properties.get("span") or "")
        config = with_span(places.config, number, pod.inside)
        state = find(
            config, base, root, Path(pod.path(str(places.serving))), json.loads(properties["fingerprints"])
        )
        record = Record.find(root, current().run)
        record.write_digests({"data": state.data, "run": state.run})
        values = dataclasses.asdict(state) | {"resolved_span": "" if number is None else str(number)}
        for name in OUTPUTS:
            # Paths of the pod: the values are part of the backend's cache keys.
            only(outputs, name).value = pod.outside(values[name])


def with_span(config: Config, number: int | None, inside: Any) -> Config:
    """The config as it holds in this pod: with the span of this run, and paths of data where they are."""
    data: dict[str, Any] = {}
    if number is not None:
        data["span"] = number
    if config.data.path:
        data["path"] = inside(config.data.path)
    if config.data.lines:
        data["lines"] = {name: inside(path) for name, path in config.data.lines.items()}
    return config.model_copy(update={"data": config.data.model_copy(update=data)})


class BeginSpec(ComponentSpec):
    """Config in, state out."""

    PARAMETERS: ClassVar = {
        "config": ExecutionParameter(type=str),
        "prepare_source": ExecutionParameter(type=str),
        "fingerprints": ExecutionParameter(type=str),
        "span": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar = {
        name: ChannelParameter(
            type=standard_artifacts.Integer if name == _INTEGER else standard_artifacts.String
        )
        for name in OUTPUTS
    }


class Begin(Component):
    """Finds what `tandem run` finds when it begins; each output is a parameter of the steps that need it.

    So the backend's cache answers as the local one does: with data, schema and registry as they were, every
    step is taken from the cache.

    Args:
        config: YAML of the whole config.
        prepare_source: text of the file of `data.prepare`; empty for none.
        fingerprints: JSON of the digests of the steps' sources.
        span: span of this run; empty for that of the config.
    """

    SPEC_CLASS = BeginSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(BeginExecutor)
