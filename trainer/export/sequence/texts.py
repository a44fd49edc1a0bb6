"""From units to text, in the graph and with stock operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.spec import UnitsSpec

_REPLACEMENT = "\ufffd"
# A space before the first and after the second goes away: these marks are only ever units of their own.
_CLOSING = r" ([.,;:!?%)\]}»”…。、，！？：；）」』】])"
_OPENING = r"([(\[{«“¿¡（「『【]) "


class Joiner:
    """Joins ids to texts by the kind of their units.

    `letters` and `characters` stand beside each other; `tokens` are joined by spaces; so are `words`, but
    none before closing punctuation and after an opening one; a subword that begins with `##` goes on with
    the word before it. An unknown unit becomes U+FFFD.

    Args:
        units: the vocabulary.

    Example:
        >>> joiner = Joiner(UnitsSpec("text", "subwords", ("walk", "##ing", "home"), 9))
        >>> joiner(tf.constant([[[4, 5, 6], [6, 0, 0]]])).numpy().tolist()
        [[b'walking home', b'home']]
    """

    def __init__(self, units: UnitsSpec) -> None:
        self._kind = units.kind
        self._texts = ["", "", "", _REPLACEMENT, *units.units]

    def units(self, ids: Any) -> Any:
        """The text of each id, string of the shape of `ids`; padding, begin and end are empty."""
        return tf.gather(tf.constant(self._texts, tf.string), ids)

    def __call__(self, ids: Any) -> Any:
        """Texts of ids.

        Args:
            ids: int32 `(..., units)`, padded with 0.

        Returns:
            string `(...)`.
        """
        units = self.units(ids)
        if self._kind in ("letters", "characters"):
            return tf.strings.reduce_join(units, axis=-1)
        spaced = tf.where(ids > 0, tf.strings.join([" ", units]), "")
        text = tf.strings.reduce_join(spaced, axis=-1)
        if self._kind == "subwords":
            text = tf.strings.regex_replace(text, " ##", "")
        text = tf.strings.regex_replace(text, "^ ", "")
        if self._kind == "words":
            text = tf.strings.regex_replace(text, _CLOSING, r"\1")
            text = tf.strings.regex_replace(text, _OPENING, r"\1")
        return text
