"""Texts that no template engine on their way may read."""

from __future__ import annotations

import base64

ENCODED = "tandem:base64:"
"""Marks a text parameter that is base64 of UTF-8."""


def encode(text: str) -> str:
    """`text` as a parameter that holds no template."""
    return ENCODED + base64.b64encode(text.encode()).decode()


def decode(text: str) -> str:
    """The reverse of `encode`; any other text unchanged."""
    return base64.b64decode(text.removeprefix(ENCODED)).decode() if text.startswith(ENCODED) else text
