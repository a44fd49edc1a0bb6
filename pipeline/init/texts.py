"""Recognises a label that is a text, the text it is made from, and the units of both."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.init.column import Column
from pipeline.init.errors import init_error
from pipeline.init.sample import as_text

Units = Literal["characters", "tokens", "words", "subwords"]

_LOOKED_AT: Final = 5_000
_FEWEST_TEXTS: Final = 20
_LEAST_UNIQUE: Final = 0.3
_MOST_OTHERS: Final = 3
_MOST_SYMBOLS: Final = 200
_SYMBOL_LETTERS: Final = 4
_SYMBOL_REPEATS: Final = 10
_MANY_WORDS: Final = 3_000
_WORD: Final = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclasses.dataclass(frozen=True)
class Text:
    """A column of text and its units.

    Args:
        name: of the column.
        units: their kind.
        different: different units of the sample; of `subwords` its words.
        longest: units of the longest text of the sample.
    """

    name: str
    units: Units
    different: int
    longest: int

    def comment(self) -> str:
        """What the sample holds, in a few words."""
        named = "words" if self.units == "subwords" else self.units
        return f"{self.different:,} different {named}, at most {self.longest:,} {self.units} in a text"

    def section(self) -> dict[str, Any]:
        """The fields of the config that say how the units are learned."""
        longest = min(4096, max(16, 8 * math.ceil(1.5 * self.longest / 8)))
        values: dict[str, Any] = {"units": self.units, "max_length": longest}
        if self.units in ("words", "subwords"):
            values["min_count"] = 2
        if self.units == "words":
            values["vocabulary_size"] = 20_000
        return values


@dataclasses.dataclass(frozen=True)
class Texts:
    """A sequence task.

    Args:
        task: `seq2seq` or `language_model`.
        target: the label.
        source: what it is made from; none for a language model.
    """

    task: Literal["seq2seq", "language_model"]
    target: Text
    source: Text | None


def recognise(
    table: Any, label: str, columns: list[Column], task: str | None, source: str | None
) -> Texts | None:
    """The sequence task that the sample shows, if it does.

    A label is a text if it has many different values that are no numbers. Its source is the one other column
    of that kind, or the only other column, of numbers too, if most rows differ in it; a label alone in its
    table is the text of a language model.

    Args:
        table: the sample.
        label: column to predict.
        columns: all others.
        task: `seq2seq` or `language_model` if it is known, and nothing is left to recognise.
        source: column of the source if it is known.

    Raises:
        TandemError: `INIT-011` if no column, or more than one, can be the source, or `task` is another one.
    """
    if task not in (None, "seq2seq", "language_model"):
        raise init_error(
            "INIT-011",
            f"expected `seq2seq` or `language_model`. Received: task={task!r}.",
            "Classes and numbers are told by the label: leave the task out.",
        )
    values = _values(table.column(label))
    if task is None and not _is_text(values):
        return None
    if task == "language_model":
        return Texts("language_model", describe(label, values), None)
    found = [column.name for column in columns if _can_be_source(column, table.num_rows)]
    if source is not None:
        found = [source]
    elif task is None:
        if not columns:
            return Texts("language_model", describe(label, values), None)
        if len(columns) == 1 and _varies(columns[0], table.num_rows):
            found = [columns[0].name]
        others = [column for column in columns if column.name not in found]
        if not found or len(others) > _MOST_OTHERS:
            return None
    if len(found) != 1:
        named = ", ".join(map(repr, found[:5])) or "none"
        raise init_error(
            "INIT-011",
            f"expected one column of text that {label!r} is made from. Received: {named}.",
            "Name it with --source COL, or give --task language_model to model the label's texts alone.",
        )
    texts = _values(table.column(found[0]))
    return Texts("seq2seq", describe(label, values), describe(found[0], texts))


def _values(array: Any) -> list[str]:
    """Texts of evenly spaced rows, those that are missing left out."""
    text = as_text(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array).drop_null()
    text = text.filter(pc.not_equal(text, ""))
    rows = np.unique(np.linspace(0, max(len(text) - 1, 0), _LOOKED_AT).astype(np.int64))
    chosen: list[str] = text.take(pa.array(rows)).to_pylist() if len(text) else []
    return chosen


def _is_text(values: list[str]) -> bool:
    different = set(values)
    if len(different) <= _FEWEST_TEXTS:
        return False
    numbers = sum(_NUMBER.fullmatch(value) is not None for value in different)
    long = sum(len(value.strip()) > 1 for value in different)
    return numbers < 0.5 * len(different) and long > 0.9 * len(different)


def _can_be_source(column: Column, rows: int) -> bool:
    """A column of texts, most rows with another one than the other rows."""
    return column.values is not None and column.numbers is None and _varies(column, rows)


def _varies(column: Column, rows: int) -> bool:
    return column.distinct > max(_FEWEST_TEXTS, _LEAST_UNIQUE * rows * (1 - column.missing))


def describe(name: str, values: list[str]) -> Text:
    """Guesses the units of a column.

    Tokens are short symbols of a small set with spaces between them; sentences are words, or subwords where
    there are many different words; anything else is read by characters.

    Example:
        >>> describe("phones", ["K AE T", "AE K T", "T AE K"] * 30).units
        'tokens'
        >>> describe("word", ["cat", "tack"]).units, describe("text", ["How are you?", "I am well."]).units
        ('characters', 'words')
    """
    tokens = [value.split() for value in values]
    count = sum(map(len, tokens))
    symbols = {token for row in tokens for token in row}
    spaced = sum(len(row) > 1 for row in tokens)
    if spaced >= 0.5 * len(values) and len(symbols) <= _MOST_SYMBOLS and count:
        letters = sum(map(len, symbols)) / len(symbols)
        if letters <= _SYMBOL_LETTERS and count >= _SYMBOL_REPEATS * len(symbols):
            return Text(name, "tokens", len(symbols), max(map(len, tokens)))
    if spaced < 0.5 * len(values) or not values:
        letters_of = {letter for value in values for letter in value}
        return Text(name, "characters", len(letters_of), max(map(len, values), default=1))
    words = [_WORD.findall(value) for value in values]
    known = {word for row in words for word in row}
    longest = max(map(len, words))
    if len(known) > _MANY_WORDS:
        return Text(name, "subwords", len(known), 2 * longest)
    return Text(name, "words", len(known), longest)
