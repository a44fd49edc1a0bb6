"""Edit distances of many pairs of sequences at once, and the alignment of one pair."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

_CELLS = 1 << 20
Units: TypeAlias = Sequence[Hashable]
Kind: TypeAlias = Literal["same", "other", "missing", "extra"]


def edit_distances(pairs: Sequence[tuple[Units, Units]]) -> NDArray[np.int64]:
    """Least number of insertions, deletions and substitutions for each pair.

    Pairs of like length are computed together, a row of the table at a time: the step along a row, which
    depends on the cell before, is a running minimum.

    Args:
        pairs: sequences of hashable units.

    Returns:
        Int64 `(pairs,)`.

    Example:
        >>> edit_distances([("kitten", "sitting"), ("", "ab"), ("K AE T".split(), "K AE T S".split())])
        array([3, 2, 1])

    Reference: Wagner and Fischer, 1974, The String-to-String Correction Problem.
    """
    known: dict[Hashable, int] = {}
    coded = [[[known.setdefault(unit, len(known)) for unit in side] for side in pair] for pair in pairs]
    found = np.zeros(len(pairs), np.int64)
    order = sorted(range(len(pairs)), key=lambda i: (len(coded[i][1]), len(coded[i][0])), reverse=True)
    start = 0
    while start < len(order):
        # The first of a chunk is its widest.
        width = len(coded[order[start]][1]) + 1
        chunk = order[start : start + max(1, _CELLS // (8 * width))]
        found[chunk] = _distances([coded[i][0] for i in chunk], [coded[i][1] for i in chunk])
        start += len(chunk)
    return found


def _padded(sides: list[list[int]], filler: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    lengths = np.array([len(side) for side in sides], np.int64)
    table = np.full((len(sides), int(lengths.max(initial=0))), filler, np.int32)
    table[np.arange(table.shape[1]) < lengths[:, None]] = [unit for side in sides for unit in side]
    return lengths, table


def _distances(first: list[list[int]], second: list[list[int]]) -> NDArray[np.int64]:
    rows, left = _padded(first, -1)
    columns, right = _padded(second, -2)
    # Pairs lie along the last axis, so that every operation runs over long contiguous rows.
    left, right = np.ascontiguousarray(left.T), np.ascontiguousarray(right.T)
    steps = np.arange(len(right) + 1, dtype=np.int32)[:, None]
    before = np.broadcast_to(steps, (len(right) + 1, len(first)))
    found = columns.copy()
    for row in range(1, len(left) + 1):
        now = np.empty_like(before)
        now[0] = row
        np.minimum(before[1:] + 1, before[:-1] + (left[row - 1] != right), out=now[1:])
        now = np.minimum.accumulate(now - steps, axis=0) + steps
        ended = np.flatnonzero(rows == row)
        found[ended] = now[columns[ended], ended]
        before = now
    return found


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[Kind, str, str]]:
    """One of the shortest ways from `reference` to `hypothesis`.

    Args:
        reference: units that were wanted.
        hypothesis: units that were found.

    Returns:
        `(kind, wanted, found)` in order: `same`, `other` (substituted), `missing` (found is empty) or `extra`
        (wanted is empty).

    Example:
        >>> align(list("cat"), list("bats"))
        [('other', 'c', 'b'), ('same', 'a', 'a'), ('same', 't', 't'), ('extra', '', 's')]
    """
    rows, columns = len(reference), len(hypothesis)
    table = [[i + j for j in range(columns + 1)] for i in range(rows + 1)]
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            differs = reference[i - 1] != hypothesis[j - 1]
            table[i][j] = min(table[i - 1][j - 1] + differs, table[i - 1][j] + 1, table[i][j - 1] + 1)
    steps: list[tuple[Kind, str, str]] = []
    i, j = rows, columns
    while i or j:
        differs = bool(i and j) and reference[i - 1] != hypothesis[j - 1]
        if i and j and table[i][j] == table[i - 1][j - 1] + differs:
            i, j = i - 1, j - 1
            steps.append(("other" if differs else "same", reference[i], hypothesis[j]))
        elif i and table[i][j] == table[i - 1][j] + 1:
            i -= 1
            steps.append(("missing", reference[i], ""))
        else:
            j -= 1
            steps.append(("extra", "", hypothesis[j]))
    return steps[::-1]
