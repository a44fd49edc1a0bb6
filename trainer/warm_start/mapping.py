"""Which rows of an earlier model are which rows of a new one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.warm_start.state import Inputs, Rows

Indices = NDArray[np.int64]
_NONE: Indices = np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True)
class Match:
    """Pairs of rows that mean the same.

    Args:
        new: int64 `(pairs,)`. Ids in the new model.
        old: int64 `(pairs,)`. Ids in the earlier one.
        reason: why there is no pair; empty if there are some. Defaults to `""`.
    """

    new: Indices
    old: Indices
    reason: str = ""


def _nothing(reason: str) -> Match:
    return Match(_NONE, _NONE, reason)


def by_name(new: Sequence[str], old: Sequence[str]) -> tuple[Indices, Indices]:
    """Positions of the names that are in both, in the order of `new`.

    Example:
        >>> [indices.tolist() for indices in by_name(["b", "new", "a"], ["a", "gone", "b"])]
        [[0, 2], [2, 0]]
    """
    places = {name: place for place, name in enumerate(old)}
    pairs = [(place, places[name]) for place, name in enumerate(new) if name in places]
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def match_column(new: Rows, old: Rows | None, meaning: Inputs, earlier: Inputs) -> Match:
    """Pairs the ids of a column.

    Ids of a vocabulary are paired by token; its buckets of unknown values by position if their number is the
    same, since the bucket of a value depends on that number alone; and the missing value, always the last id.
    Other ids are paired by position if there are as many and they are made alike.

    Args:
        new: where the rows are in the new model.
        old: where they were, or None if the column is new.
        meaning: what ids mean now.
        earlier: what they meant.
    """
    if old is None:
        return _nothing("a new column")
    if (new.vocabulary is None) != (old.vocabulary is None):
        return _nothing("its ids are made in another way")
    if new.vocabulary is None or old.vocabulary is None:
        if new.size != old.size:
            return _nothing(f"its size changed from {old.size} to {new.size}")
        if meaning.encodings.get(new.column) != earlier.encodings.get(old.column):
            return _nothing("its ids are made in another way")
        everything = np.arange(new.size, dtype=np.int64)
        return Match(everything, everything)
    if new.vocabulary not in meaning.tokens or old.vocabulary not in earlier.tokens:
        return _nothing("its tokens are not known")
    return _by_token(new, old, meaning.tokens[new.vocabulary], earlier.tokens[old.vocabulary])


def _by_token(new: Rows, old: Rows, tokens: Sequence[str], earlier: Sequence[str]) -> Match:
    targets, sources = by_name(tokens, earlier)
    buckets = new.size - len(tokens) - 1
    unknown = np.arange(buckets if buckets == old.size - len(earlier) - 1 else 0, dtype=np.int64)
    return Match(
        np.concatenate([targets, len(tokens) + unknown, [new.size - 1]]),
        np.concatenate([sources, len(earlier) + unknown, [old.size - 1]]),
    )


def match_inputs(new: Sequence[str], old: Sequence[str], meaning: Inputs, earlier: Inputs) -> Match:
    """Pairs the inputs of the first dense layer by name; a dense input must also be made alike."""

    def told(names: Sequence[str], encodings: Mapping[str, Any]) -> list[str]:
        return [f"{name} {encodings.get(name, '')}" if name.startswith("dense/") else name for name in names]

    targets, sources = by_name(told(new, meaning.encodings), told(old, earlier.encodings))
    return Match(targets, sources, "" if len(targets) else "no input in common")
