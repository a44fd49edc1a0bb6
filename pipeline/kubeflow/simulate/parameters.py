"""Parameters of a run, checked as the API server does before it begins one (`template/v2_template.go`)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate.values import to_value
from trainer.errors import TandemError

_KINDS = {
    "NUMBER_DOUBLE": "number_value",
    "NUMBER_INTEGER": "number_value",
    "BOOLEAN": "bool_value",
    "LIST": "list_value",
    "STRUCT": "struct_value",
}


def _refuse(expected: str, received: str, names: str) -> TandemError:
    return TandemError(
        "KFP-202",
        f"Expected {expected}. Received: {received}",
        f"Parameters of this pipeline: {names or 'none'}. Give one with `--param NAME=VALUE`.",
        exit_status=2,
    )


def of_run(spec: ps.PipelineSpec, given: Mapping[str, str]) -> dict[str, struct_pb2.Value]:
    """Values of the inputs of the root.

    Args:
        spec: the pipeline.
        given: text by name; JSON for everything but a STRING.

    Raises:
        TandemError: `KFP-202` for a parameter that the pipeline does not have, one without value or
            default, or a value of another type.
    """
    definitions = spec.root.input_definitions.parameters
    names = ", ".join(sorted(definitions))
    if unknown := sorted(set(given) - set(definitions)):
        raise _refuse("parameters of the pipeline", ", ".join(unknown), names)
    values = {}
    for name, definition in definitions.items():
        if name in given:
            values[name] = _value(name, given[name], definition, names)
        elif definition.HasField("default_value"):
            values[name] = definition.default_value
        elif definition.is_optional:
            values[name] = to_value(None)
        else:
            raise _refuse(f"a value of {name}, which has no default", "none", names)
    return values


def _value(
    name: str, text: str, definition: ps.ComponentInputsSpec.ParameterSpec, names: str
) -> struct_pb2.Value:
    kind = ps.ParameterType.ParameterTypeEnum.Name(definition.parameter_type)
    if kind not in _KINDS:
        return struct_pb2.Value(string_value=text)
    try:
        value = to_value(json.loads(text))
    except ValueError:
        value = struct_pb2.Value(string_value=text)
    if value.WhichOneof("kind") != _KINDS[kind]:
        raise _refuse(f"a value of type {kind} for {name}", repr(text), names)
    return value
