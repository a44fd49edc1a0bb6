"""Texts to units in the graph, by stock operations; `segments` says the same in plain Python."""

from __future__ import annotations

import re
from typing import Any, Final

import tensorflow as tf

from transforms.text.segments import INNER, REPLACEMENT, WHITE_SPACE, UnitKind

_SPACES: Final = f"[{WHITE_SPACE}]+"
_WORD: Final = r"[\p{L}\p{M}\p{N}_]+"
_WORDS: Final = rf"({_WORD}(?:[{re.escape(INNER)}]{_WORD})*|[^\p{{L}}\p{{M}}\p{{N}}_ ])"


def clean(texts: Any) -> Any:
    """Texts as valid UTF-8; a byte that is none becomes U+FFFD, and so does a NUL.

    Args:
        texts: string tensor `(batch,)`.

    Returns:
        String tensor `(batch,)`.
    """
    valid = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    # Lower-casing would end a text at its first NUL.
    return tf.strings.regex_replace(valid, r"\x00", REPLACEMENT)


def divide(texts: Any, units: UnitKind) -> Any:
    """Divides texts.

    Args:
        texts: string tensor `(batch,)`, as `clean` returns it.
        units: kind of the units.

    Returns:
        RaggedTensor `(batch, None)` of units; for `subwords` of the tokens that the pieces are cut from.
    """
    if units == "characters":
        return _long(tf.strings.unicode_split(texts, "UTF-8"))
    if units == "letters":
        return _long(tf.strings.unicode_split(tf.strings.lower(texts, encoding="utf-8"), "UTF-8"))
    spaced = tf.strings.regex_replace(texts, _SPACES, " ")
    if units == "words":
        spaced = tf.strings.regex_replace(spaced, _WORDS, r"\1 ")
    return _long(_filled(tf.strings.split(spaced, " ")))


def _filled(parts: Any) -> Any:
    """Without the empty parts beside a separator."""
    return tf.ragged.boolean_mask(parts, tf.not_equal(parts, ""))


def _long(parts: Any) -> Any:
    return parts.with_row_splits_dtype(tf.int64)
