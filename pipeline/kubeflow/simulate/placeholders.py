"""Placeholders of commands, as the launcher fills them in (`component/launcher_v2.go`, `getPlaceholders`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.backend import local_path
from pipeline.kubeflow.simulate.values import protojson, to_text


def with_defaults(given: ps.ExecutorInput, component: ps.ComponentSpec) -> ps.ExecutorInput:
    """A copy with the defaults of the component for parameters without a value (`addDefaultParams`)."""
    copy = ps.ExecutorInput()
    copy.CopyFrom(given)
    for name, definition in component.input_definitions.parameters.items():
        if definition.HasField("default_value") and name not in copy.inputs.parameter_values:
            copy.inputs.parameter_values[name].CopyFrom(definition.default_value)
    return copy


def fill(arguments: Sequence[str], given: ps.ExecutorInput, host: Callable[[str], str]) -> list[str]:
    """The command line with its placeholders replaced.

    `{{$}}` comes first and what stands in it is replaced too. What the launcher does not know, `.value` of an
    artifact for one, stays as it is.

    Args:
        arguments: command and arguments of the container.
        given: its input, with defaults.
        host: where a path of the pod really is; `{{$}}` itself keeps the pod's paths.
    """
    whole = protojson(given)
    known: dict[str, str] = {}
    for side, artifacts in (("inputs", given.inputs.artifacts), ("outputs", given.outputs.artifacts)):
        for name, several in artifacts.items():
            if not several.artifacts:
                continue
            uri = several.artifacts[0].uri
            known[f"{{{{$.{side}.artifacts['{name}'].uri}}}}"] = uri
            path = local_path(uri)
            if path is not None:
                known[f"{{{{$.{side}.artifacts['{name}'].path}}}}"] = host(path)
    for name, value in given.inputs.parameter_values.items():
        known[f"{{{{$.inputs.parameters['{name}']}}}}"] = to_text(value)
    for name, parameter in given.outputs.parameters.items():
        known[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = host(parameter.output_file)
    filled = []
    for argument in arguments:
        text = argument.replace("{{$}}", whole)
        for placeholder in sorted(known):
            text = text.replace(placeholder, known[placeholder])
        filled.append(text)
    return filled
