r"""The rule that divides texts into units and puts units together again, in plain Python.

NUL is read as U+FFFD, as bytes that are not UTF-8 are. White space is what Unicode calls so. `characters` are
code points, `letters` those of the text in lower case; both hold white space. `tokens` stand between white
space. `words` are runs of letters, marks, digits and `_`, where a single `'`, `’` or `-` between two runs
belongs to the word; every other character is a unit. `subwords` are the longest known pieces of a token, read
from its beginning; pieces that do not begin it have `##` in front. A token with a part that no piece covers,
or with more than `MOST_CHARACTERS` characters, is one unknown unit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Final, Literal

UnitKind = Literal["letters", "characters", "words", "tokens", "subwords"]

WHITE_SPACE: Final = "\t-\r \x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
INNER: Final = "'’-"
CLOSING: Final = ".,;:!?%)]}»”…。、，！？：；）」』】"
OPENING: Final = "([{«“¿¡（「『【"
MARKER: Final = "##"
MOST_CHARACTERS: Final = 100
REPLACEMENT: Final = "\ufffd"
UNKNOWN: Final = REPLACEMENT
"""Stands for a unit that is not known; no unit of a vocabulary is equal to an unknown `subwords` token."""

_SPACES = re.compile(f"[{WHITE_SPACE}]+")


def segment(text: str, units: UnitKind, vocabulary: Collection[str] = ()) -> list[str]:
    """The units of a text.

    Args:
        text: any text.
        units: kind of the units.
        vocabulary: known pieces, for `subwords` only. Defaults to `()`.

    Returns:
        The units in order; for `subwords` `UNKNOWN` in place of a token that the pieces do not cover.

    Example:
        >>> segment("Don't stop!", "words"), segment("AB", "letters"), segment(" AH0  B ", "tokens")
        (["Don't", 'stop', '!'], ['a', 'b'], ['AH0', 'B'])
        >>> segment("stops", "subwords", {"st", "##op", "##o", "##ps"})
        ['�']
    """
    text = text.replace("\0", REPLACEMENT)
    if units == "characters":
        return list(text)
    if units == "letters":
        return list(text.lower())
    tokens = [token for token in _SPACES.split(text) if token]
    if units == "tokens":
        return tokens
    if units == "words":
        return [word for token in tokens for word in _words(token)]
    return [piece for token in tokens for piece in _pieces(token, vocabulary)]


def join(units: Sequence[str], kind: UnitKind) -> str:
    """The text of units, as near to the one they came from as they tell.

    Characters, letters and subwords give it back, with single spaces for other white space between subwords;
    words are joined by spaces, none before a closing mark and none after an opening one.

    Example:
        >>> join(["Hello", ",", "(", "you", ")", "!"], "words"), join(["st", "##op", "it"], "subwords")
        ('Hello, (you)!', 'stop it')
    """
    if kind in ("characters", "letters"):
        return "".join(units)
    text = " ".join(units)
    if kind == "words":
        text = re.sub(f" ([{re.escape(CLOSING)}])", r"\1", text)
        return re.sub(f"([{re.escape(OPENING)}]) ", r"\1", text)
    if kind == "subwords":
        return text.replace(f" {MARKER}", "").removeprefix(MARKER)
    return text


def _is_word(letter: str) -> bool:
    return letter == "_" or unicodedata.category(letter)[0] in "LMN"


def _words(token: str) -> Iterator[str]:
    start = 0
    while start < len(token):
        stop = start
        while stop < len(token) and _is_word(token[stop]):
            stop += 1
            inner = token[stop : stop + 1]
            if inner and inner in INNER and stop + 1 < len(token) and _is_word(token[stop + 1]):
                stop += 1
        stop = max(stop, start + 1)
        yield token[start:stop]
        start = stop


def _pieces(token: str, vocabulary: Collection[str]) -> list[str]:
    found: list[str] = []
    start = 0
    while start < len(token) <= MOST_CHARACTERS:
        marker = MARKER if start else ""
        for stop in range(len(token), start, -1):
            if marker + token[start:stop] in vocabulary:
                found.append(marker + token[start:stop])
                start = stop
                break
        else:
            return [UNKNOWN]
    return found or [UNKNOWN]
