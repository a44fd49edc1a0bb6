"""Strict parse against the protocol buffers, with the place of every unknown, wrong, missing or empty field.

The JSON parser of protocol buffers stops at the first problem and takes both spellings of a name, and the
backend throws away what it does not know in the deployment specification.
"""

from __future__ import annotations

import math
import re
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2 as pipeline_spec

from pipeline.config.problems import nearest
from pipeline.kubeflow.check.problem import Path, Problem, received
from pipeline.kubeflow.check.rules import FORBIDDEN, REQUIRED, UNSUPPORTED

CODE = "KFP-023"

PIPELINE: Descriptor = pipeline_spec.PipelineSpec.DESCRIPTOR
PLATFORM: Descriptor = pipeline_spec.PlatformSpec.DESCRIPTOR
# Free structures in the protocol that the backend parses as these.
_MEANT: dict[tuple[str, str], Descriptor] = {
    ("ml_pipelines.PipelineSpec", "deploymentSpec"): pipeline_spec.PipelineDeploymentConfig.DESCRIPTOR,
    ("ml_pipelines.PlatformDeploymentConfig", "executors"): kubernetes.KubernetesExecutorConfig.DESCRIPTOR,
}
_DURATION = re.compile(r"[0-9]+(\.[0-9]{1,9})?s")
_DROP = object()


class Shape:
    """Walks a document and its descriptor side by side.

    Args:
        document: number of the document, for the problems.
    """

    def __init__(self, document: int) -> None:
        self.problems: list[Problem] = []
        self._document = document

    def message(self, kind: Descriptor, value: Any, path: Path) -> dict[str, Any]:
        """`value` without everything that is not of `kind`; the rest is in `problems`.

        Args:
            kind: the message it must be.
            value: plain value.
            path: where it is.
        """
        if not isinstance(value, dict):
            self._add(path, "a mapping", value)
            return {}
        fields = {field.json_name: field for field in kind.fields}
        result: dict[str, Any] = {}
        for key, inner in value.items():
            field = fields.get(key)
            if field is None:
                known = nearest(str(key), fields)
                self._add((*path, key), f"a field of {kind.name}", key, known)
            elif (kind.full_name, key) in FORBIDDEN:
                reason = FORBIDDEN[kind.full_name, key]
                self._add((*path, key), reason, inner, code=UNSUPPORTED)
            else:
                parsed = self._field(kind, field, inner, (*path, key))
                if parsed is not _DROP:
                    result[key] = parsed
        self._groups(kind, value, result, path)
        return result

    def _groups(self, kind: Descriptor, value: Any, result: dict[str, Any], path: Path) -> None:
        groups = {
            group.name: [field.json_name for field in group.fields]
            for group in kind.oneofs
            if not group.name.startswith("_")
        }
        for names in groups.values():
            given = [name for name in names if name in value]
            if len(given) > 1:
                self._add(path, f"one of {_listed(names)}", ", ".join(given))
                for name in given[1:]:
                    result.pop(name, None)
        for name in REQUIRED.get(kind.full_name, ()):
            wanted = groups.get(name, [name])
            # An empty constant is a value.
            if not any(
                option in value and (value[option] != "" or option == "constant") for option in wanted
            ):
                if len(wanted) == 1:
                    self._add((*path, name), f"this field of {kind.name}")
                else:
                    usable = [option for option in wanted if (kind.full_name, option) not in FORBIDDEN]
                    self._add(path, f"one of {_listed(usable)}")

    def _field(self, kind: Descriptor, field: FieldDescriptor, value: Any, path: Path) -> Any:
        meant = _MEANT.get((kind.full_name, field.json_name))
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            of = inner.fields_by_name["value"]
            return self._mapping(of, meant, value, path)
        if field.is_repeated:
            return self._list(field, value, path)
        return self._single(field, meant, value, path)

    def _mapping(self, of: FieldDescriptor, meant: Descriptor | None, value: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, "a mapping", value)
        if not value:
            return self._wrong(path, "at least one entry; leave out what is empty", value)
        parsed = {key: self._single(of, meant, inner, (*path, key)) for key, inner in value.items()}
        return {key: inner for key, inner in parsed.items() if inner is not _DROP}

    def _list(self, field: FieldDescriptor, value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return self._wrong(path, "a list", value)
        if not value:
            return self._wrong(path, "at least one entry; leave out what is empty", value)
        parsed = [self._single(field, None, inner, (*path, place)) for place, inner in enumerate(value)]
        # Positions stay as they are in the file.
        return _DROP if any(inner is _DROP for inner in parsed) else parsed

    def _single(self, field: FieldDescriptor, meant: Descriptor | None, value: Any, path: Path) -> Any:
        message = meant or field.message_type
        if message is None:
            return self._scalar(field, value, path)
        if message.full_name == "google.protobuf.Value":
            return self._free(value, path)
        if message.full_name == "google.protobuf.Struct":
            return (
                self._free(value, path) if isinstance(value, dict) else self._wrong(path, "a mapping", value)
            )
        if message.full_name == "google.protobuf.Duration":
            fits = isinstance(value, str) and _DURATION.fullmatch(value)
            return value if fits else self._wrong(path, "seconds such as `30s`", value)
        return (
            self.message(message, value, path)
            if isinstance(value, dict)
            else self._wrong(path, "a mapping", value)
        )

    def _scalar(self, field: FieldDescriptor, value: Any, path: Path) -> Any:
        kind = field.cpp_type
        if field.enum_type is not None:
            known = [entry.name for entry in field.enum_type.values if entry.number]
            if value in known and isinstance(value, str):
                return value
            self._add(path, f"one of {_listed(known)}", value, nearest(str(value), known))
            return _DROP
        whole = isinstance(value, int) and not isinstance(value, bool)
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return value if isinstance(value, str) else self._wrong(path, "a text", value)
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return value if isinstance(value, bool) else self._wrong(path, "true or false", value)
        if kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64):
            fits = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value)
            return (
                value
                if fits
                else self._wrong(path, "a whole number in quotes, as 64 bits are in JSON", value)
            )
        if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            finite = (whole or isinstance(value, float)) and math.isfinite(value)
            return value if finite else self._wrong(path, "a finite number", value)
        return (
            value if whole and abs(value) < 2**31 else self._wrong(path, "a whole number of 32 bits", value)
        )

    def _free(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            for key, inner in value.items():
                self._free(inner, (*path, key))
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                self._free(inner, (*path, place))
        elif value is None or (isinstance(value, float) and not math.isfinite(value)):
            return self._wrong(path, "a value: null and numbers that are not finite do not survive", value)
        return value

    def _wrong(self, path: Path, expected: str, value: Any) -> Any:
        self._add(path, expected, value)
        return _DROP

    def _add(
        self, path: Path, expected: str, value: Any = _DROP, near: str | None = None, code: str = CODE
    ) -> None:
        text = None if value is _DROP else received(value)
        self.problems.append(Problem(code, path, expected, text, near, self._document))


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
