"""Texts that no template engine may read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.kubeflow.encoding import ENCODED, decode, encode


@given(st.text())
def test_every_text_comes_back_and_holds_no_template(text: str) -> None:
    assert decode(encode(text)) == text
    assert "{{" not in encode(text)


def test_a_text_that_is_not_marked_stays() -> None:
    assert decode("{{x}}") == "{{x}}"
    assert decode(encode(encode("x"))) == encode("x")
    assert encode("x").startswith(ENCODED)
