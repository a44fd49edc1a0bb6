"""Texts that no template engine on their way may read, and that are too long for one argument."""

from __future__ import annotations

import base64
import zlib

ENCODED = "tandem:base64:"
"""Marks a text parameter that is base64 of UTF-8."""

PACKED = "tandem:zlib:"
"""Marks a text parameter that is base64 of UTF-8 compressed by zlib."""

LONG = 8192
"""Characters from which a text is packed: the backend hands a whole step on as one argument of 128 KiB."""


def needs_encoding(text: str) -> bool:
    """Whether a text would be read by a template engine, is long, or looks like an encoded one."""
    return "{{" in text or len(text) >= LONG or text.startswith((ENCODED, PACKED))


def encode(text: str) -> str:
    """`text` as a parameter that holds no template; a long one is packed."""
    if len(text) >= LONG:
        return PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return ENCODED + base64.b64encode(text.encode()).decode()


def decode(text: str) -> str:
    """The reverse of `encode`; any other text unchanged."""
    if text.startswith(PACKED):
        return zlib.decompress(base64.b64decode(text.removeprefix(PACKED))).decode()
    return base64.b64decode(text.removeprefix(ENCODED)).decode() if text.startswith(ENCODED) else text
