"""Values as the Go backend writes and reads them: protojson, text of parameters, metadata of artifacts.

After `backend/src/v2/metadata/converter.go` of kubeflow/pipelines: `PbValueToText`, `TextToPbValue`,
`StructValueToMLMDValue` and `toRuntimeArtifact`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from google.protobuf import json_format, struct_pb2
from google.protobuf.message import Message

from trainer.errors import TandemError

_TRUE, _FALSE = {"1", "t", "T", "TRUE", "true", "True"}, {"0", "f", "F", "FALSE", "false", "False"}


def plain(message: Message) -> Any:
    """A message as Python's JSON values, whole numbers as `int`, as protojson writes them."""
    return _whole(json_format.MessageToDict(message))


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value


def protojson(message: Message) -> str:
    """A message as `protojson.Marshal` writes it: camel case, unset fields left out, keys of maps sorted."""
    return json.dumps(plain(message), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def to_value(given: Any) -> struct_pb2.Value:
    """A `google.protobuf.Value` of Python's JSON values."""
    value = struct_pb2.Value()
    json_format.ParseDict(given, value)
    return value


def _number(value: float) -> str:
    # strconv.FormatFloat(x, 'f', -1, 64): shortest digits, never an exponent.
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def to_text(value: struct_pb2.Value) -> str:
    """A parameter as text, for a placeholder or for a STRING that was given something else.

    Example:
        >>> to_text(struct_pb2.Value(number_value=3.0)), to_text(struct_pb2.Value(bool_value=True))
        ('3', 'true')
    """
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        return _number(value.number_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind in ("list_value", "struct_value"):
        text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        # encoding/json escapes these for HTML.
        return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return ""


def from_text(text: str, kind: str) -> struct_pb2.Value:
    """An output parameter from the text of its file.

    Args:
        text: content of the file.
        kind: name of a `ParameterTypeEnum`.

    Raises:
        TandemError: `KFP-211` if the text is no value of that type.
    """
    try:
        if kind == "STRING":
            return struct_pb2.Value(string_value=text)
        if kind == "NUMBER_INTEGER":
            return struct_pb2.Value(number_value=int(text.strip()))
        if kind == "NUMBER_DOUBLE":
            return struct_pb2.Value(number_value=float(text.strip()))
        if kind == "BOOLEAN" and text.strip() in _TRUE | _FALSE:
            return struct_pb2.Value(bool_value=text.strip() in _TRUE)
        value = to_value(json.loads(text))
        if (kind, value.WhichOneof("kind")) in (("LIST", "list_value"), ("STRUCT", "struct_value")):
            return value
    except (ValueError, json_format.ParseError):
        pass
    raise TandemError("KFP-211", f"Expected a value of type {kind}. Received: {text[:200]!r}")


def stored_metadata(metadata: struct_pb2.Struct, name: str, store: str) -> struct_pb2.Struct:
    """Metadata as a backend with ML Metadata gives it to the next task.

    A boolean comes back as 0 or 1, a list as `{"list": ...}`, an object as `{"struct": ...}`, and two keys
    are added (`RecordArtifact` in `metadata/client.go`).

    Args:
        metadata: what the executor wrote.
        name: name of the output; its `display_name` unless there is one.
        store: `store_session_info`, JSON text.

    Raises:
        TandemError: `KFP-211` for a null value, which the backend does not know.
    """
    kept = struct_pb2.Struct()
    for key, value in metadata.fields.items():
        kind = value.WhichOneof("kind")
        if key == "_kfp_workspace":
            continue
        if kind in ("string_value", "number_value"):
            kept.fields[key].CopyFrom(value)
        elif kind == "bool_value":
            kept.fields[key].number_value = float(value.bool_value)
        elif kind in ("list_value", "struct_value"):
            wrapped = kept.fields[key].struct_value.fields[kind.removesuffix("_value")]
            wrapped.CopyFrom(value)
        else:
            raise TandemError(
                "KFP-211", f"Expected metadata without null. Received: {key}=null of output {name}"
            )
    for key, text in (("display_name", name), ("store_session_info", store)):
        if key not in kept.fields:
            kept.fields[key].string_value = text
    return kept
