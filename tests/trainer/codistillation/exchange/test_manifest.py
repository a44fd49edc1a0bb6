"""A manifest is exactly what was written, or refused with a typed error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.codistillation.exchange.manifest import (
    Manifest,
    Tensor,
    _sealed,
    decode_manifest,
    encode_manifest,
    manifests_among,
)
from trainer.errors import TandemError

PART = "ab" * 32
MANIFEST = Manifest(
    group="Zürich",
    replica=3,
    attempt=2,
    token="t0",
    step=250,
    finished=False,
    time=1.5,
    transfer="float16",
    tensors={"kernel/ü": Tensor(PART, 4, "float16", (2, 3)), "count": Tensor(PART, 0, "int32", ())},
    parts={PART: 16},
)
NAME = "replica-3/manifest-000002-000000000250.json"
ENCODED = encode_manifest(MANIFEST)


def test_it_comes_back_and_knows_its_name() -> None:
    assert decode_manifest(NAME, ENCODED) == MANIFEST
    assert MANIFEST.name == NAME
    content = json.loads(ENCODED)
    assert content["tensors"]["kernel/ü"] == {"part": PART, "offset": 4, "dtype": "float16", "shape": [2, 3]}
    assert content["format"] == 1


def test_every_cut_and_every_changed_byte_is_found() -> None:
    for place in range(len(ENCODED)):
        with pytest.raises(TandemError, match="CODIST-004"):
            decode_manifest(NAME, ENCODED[:place])
        for mask in (0x01, 0x20, 0x80):
            changed = ENCODED[:place] + bytes([ENCODED[place] ^ mask]) + ENCODED[place + 1 :]
            with pytest.raises(TandemError, match="CODIST-004"):
                decode_manifest(NAME, changed)
    with pytest.raises(TandemError, match="CODIST-004"):
        decode_manifest(NAME, ENCODED + b" ")


@pytest.mark.parametrize(
    "name",
    [
        "replica-3/manifest-000002-000000000251.json",
        "replica-3/manifest-000003-000000000250.json",
        "replica-4/manifest-000002-000000000250.json",
        "replica-3/group.json",
    ],
)
def test_a_manifest_under_another_name_is_refused(name: str) -> None:
    with pytest.raises(TandemError, match="belongs in replica-3/manifest-000002-000000000250"):
        decode_manifest(name, ENCODED)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"step": -1},
        {"step": 250.0},
        {"attempt": True},
        {"group": 7},
        {"finished": 1},
        {"time": "now"},
        {"transfer": "int8"},
        {"surprise": 1},
        {"parts": {PART: -1}},
        {"parts": {PART: 15}},
        {"parts": {"../../etc/passwd": 16}},
        {"parts": []},
        {"tensors": None},
        {"tensors": {"a": {"part": "cd" * 32, "offset": 0, "dtype": "int8", "shape": []}}},
        {"tensors": {"a": {"part": PART, "offset": -1, "dtype": "int8", "shape": []}}},
        {"tensors": {"a": {"part": PART, "offset": 0, "dtype": "object", "shape": []}}},
        {"tensors": {"a": {"part": PART, "offset": 0, "dtype": "int8", "shape": [-1, -1]}}},
        {"tensors": {"a": {"part": PART, "offset": 0, "dtype": "int8", "shape": [1 << 40, 1 << 40]}}},
        {"tensors": {"a": {"part": PART, "offset": 0, "dtype": "int8", "shape": "ab"}}},
        {"tensors": {"a": {"part": PART, "offset": 0, "dtype": ["int8"], "shape": []}}},
    ],
)
def test_what_cannot_be_is_refused_though_its_digest_fits(changes: dict[str, object]) -> None:
    content = {**json.loads(ENCODED), **changes}
    del content["sha256"]
    with pytest.raises(TandemError, match="CODIST-004"):
        decode_manifest(NAME, _sealed(content))


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_gives_nothing_but_the_typed_error(value: object) -> None:
    with pytest.raises(TandemError, match="CODIST-004"):
        decode_manifest(NAME, json.dumps(value).encode())
    with pytest.raises(TandemError, match="CODIST-004"):
        decode_manifest(NAME, _sealed({"format": 1, "tensors": value, "parts": value}))


def test_manifests_are_ordered_by_attempt_then_step_as_numbers() -> None:
    names = ["manifest-2-3.json", "manifest-10-1.json", "manifest-2-20.json", "manifest-1-999.json"]
    assert [key[:2] for key in manifests_among([*names, "group.json", f"{PART}.part"])] == [
        (10, 1),
        (2, 20),
        (2, 3),
        (1, 999),
    ]
