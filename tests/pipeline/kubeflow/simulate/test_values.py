"""Values as the Go backend writes and reads them."""

from __future__ import annotations

import pytest
from google.protobuf import struct_pb2

from pipeline.kubeflow.simulate.values import from_text, protojson, to_text, to_value
from trainer.errors import TandemError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (3, "3"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (True, "true"),
        (None, ""),
        ([1, "b&"], '[1,"b\\u0026"]'),
        ({"b": 1, "a": None}, '{"a":null,"b":1}'),
    ],
)
def test_a_value_as_text(value: object, text: str) -> None:
    assert to_text(to_value(value)) == text


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" 3\n", "NUMBER_INTEGER", 3),
        ("2.5", "NUMBER_DOUBLE", 2.5),
        ("True", "BOOLEAN", True),
        ("f", "BOOLEAN", False),
        ("[1]", "LIST", [1]),
        ("{}", "STRUCT", {}),
        (" x\n", "STRING", " x\n"),
    ],
)
def test_text_as_a_value(text: str, kind: str, value: object) -> None:
    assert from_text(text, kind) == to_value(value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("3.5", "NUMBER_INTEGER"), ("yes", "BOOLEAN"), ("{}", "LIST"), ("[", "STRUCT"), ("1", "STRUCT")],
)
def test_text_of_another_type_is_refused(text: str, kind: str) -> None:
    with pytest.raises(TandemError, match="KFP-211"):
        from_text(text, kind)


def test_whole_numbers_are_written_without_a_point() -> None:
    struct = struct_pb2.Struct()
    struct.update({"b": 3.0, "a": 0.5})
    assert protojson(struct) == '{"a":0.5,"b":3}'
