"""Texts that no template engine may read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.kubeflow.encoding import ENCODED, PACKED, decode, encode, needs_encoding


@given(st.text())
def test_every_text_comes_back_and_holds_no_template(text: str) -> None:
    assert decode(encode(text)) == text
    assert "{{" not in encode(text)


def test_a_long_text_is_packed() -> None:
    text = "column: {kind: numeric, scale: quantile}\n" * 500
    assert encode(text).startswith(PACKED)
    assert len(encode(text)) < len(text) / 20
    assert decode(encode(text)) == text
    assert needs_encoding(encode(text))
    assert not needs_encoding("short")


def test_a_text_that_is_not_marked_stays() -> None:
    assert decode("{{x}}") == "{{x}}"
    assert decode(encode(encode("x"))) == encode("x")
    assert encode("x").startswith(ENCODED)
