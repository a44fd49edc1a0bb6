"""Buckets by length: few rectangles of source and target length that hold all with little padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.spec import Record

Lengths = NDArray[np.int64]
_MOST_RANGES = 40


@dataclasses.dataclass(frozen=True)
class Bucket(Record):
    """Examples that share the shape of their batches.

    Args:
        source: int. Width of the source in units; `0` for a language model.
        target: int, at least 1. Width of the target in units, its end not counted.
    """

    source: int
    target: int

    @property
    def width(self) -> int:
        """Positions that an example takes: source, target and the end of the target."""
        return self.source + self.target + 1


def choose_buckets(source: Lengths, target: Lengths, most: int) -> tuple[Bucket, ...]:
    """The buckets that leave the least padding, found by dynamic programming.

    The plane of lengths is cut into strips along one side, and each strip along the other; of all such cuts
    into at most `most` rectangles the one with the fewest padded positions is taken, for strips along either
    side. Since an example goes to the narrowest bucket that holds it, whichever strip that came from, each
    bucket is then moved to where it saves most beside the others, until none moves. With more than 40
    different lengths of a side, neighbours are joined first, so that 40 ranges hold about as many examples
    each.

    Args:
        source: int64 `(examples,)`. Units of each source; zeros for a language model.
        target: int64 `(examples,)`, at least 1. Units of each target.
        most: int, at least 1. Most buckets.

    Returns:
        Buckets in ascending order of their width.

    Example:
        >>> short, long = np.array([2, 2, 9]), np.array([3, 3, 9])
        >>> choose_buckets(short, long, most=2)
        (Bucket(source=2, target=3), Bucket(source=9, target=9))
        >>> choose_buckets(short, long, most=1)
        (Bucket(source=9, target=9),)
    """
    ends = _ranges(source), _ranges(target)
    across = _cut(_counts(source, target, ends), ends, most)
    along = _cut(_counts(target, source, ends[::-1]), ends[::-1], most)
    cells = _counts(source, target, ends)[1:, 1:]
    found = [_moved(cells, ends, shapes, most) for shapes in (across, [(s, t) for t, s in along])]
    shapes = min(found, key=lambda result: result[0])[1]
    return _settled(source, target, [(int(ends[0][s]), int(ends[1][t])) for s, t in shapes])


def assign(source: Lengths, target: Lengths, buckets: tuple[Bucket, ...]) -> Lengths:
    """The narrowest bucket that holds each example, int64 `(examples,)`; `-1` where none does."""
    place = np.full(len(source), -1, np.int64)
    for index in reversed(range(len(buckets))):
        place[(source <= buckets[index].source) & (target <= buckets[index].target)] = index
    return place


def _settled(source: Lengths, target: Lengths, shapes: list[tuple[int, int]]) -> tuple[Bucket, ...]:
    """Buckets of the shapes, shrunk to what they hold until nothing moves."""
    buckets = tuple(sorted({Bucket(s, t) for s, t in shapes}, key=lambda b: (b.width, b.source)))
    while True:
        place = assign(source, target, buckets)
        held = [place == index for index in range(len(buckets))]
        shrunk = {Bucket(int(source[rows].max()), int(target[rows].max())) for rows in held if rows.any()}
        after = tuple(sorted(shrunk, key=lambda b: (b.width, b.source)))
        if after == buckets:
            return buckets
        buckets = after


def _ranges(lengths: Lengths) -> Lengths:
    """Ascending upper ends of ranges of lengths, the greatest length last."""
    different = np.unique(lengths)
    if len(different) <= _MOST_RANGES:
        return different
    shares = np.linspace(0, 1, _MOST_RANGES + 1)[1:]
    return np.unique(np.quantile(lengths, shares, method="higher"))


def _counts(outer: Lengths, inner: Lengths, ends: tuple[Lengths, Lengths]) -> NDArray[Any]:
    """Examples in each pair of ranges, `(outer ranges + 1, inner ranges + 1)`; the first ones are empty."""
    counts = np.zeros((len(ends[0]) + 1, len(ends[1]) + 1))
    np.add.at(counts, (np.searchsorted(ends[0], outer) + 1, np.searchsorted(ends[1], inner) + 1), 1)
    return counts


def _moved(
    cells: NDArray[Any], ends: tuple[Lengths, Lengths], shapes: Sequence[tuple[int, int]], most: int
) -> tuple[float, list[tuple[int, int]]]:
    """Moves and adds shapes, given and returned as places in `ends`, while the padded positions fall."""
    widths = (ends[0][:, None] + ends[1][None, :] + 1).astype(np.float64)
    last = (len(ends[0]) - 1, len(ends[1]) - 1)
    found = [last, *(shape for shape in shapes if shape != last)]
    found += [last] * (most - len(found))
    least = np.inf
    while True:
        for index in range(1, len(found)):
            others = _width_of_cells(widths, [*found[:index], *found[index + 1 :]])
            found[index] = _best_shape(cells, widths, others)
        now = float((cells * _width_of_cells(widths, found)).sum())
        if now >= least:
            return least, found
        least = now


def _width_of_cells(widths: NDArray[Any], shapes: Sequence[tuple[int, int]]) -> NDArray[Any]:
    """Width of the narrowest of the shapes that holds each cell."""
    narrowest = np.full(widths.shape, np.inf)
    for s, t in shapes:
        held = narrowest[: s + 1, : t + 1]
        np.minimum(held, widths[s, t], out=held)
    return narrowest


def _best_shape(cells: NDArray[Any], widths: NDArray[Any], others: NDArray[Any]) -> tuple[int, int]:
    """The shape that saves most beside the others."""
    saved = np.zeros(widths.shape)
    for s, t in np.ndindex(widths.shape):
        gain = np.maximum(others[: s + 1, : t + 1] - widths[s, t], 0.0)
        saved[s, t] = (cells[: s + 1, : t + 1] * gain).sum()
    s, t = np.unravel_index(int(saved.argmax()), saved.shape)
    return int(s), int(t)


def _cut(counts: NDArray[Any], ends: tuple[Lengths, Lengths], most: int) -> list[tuple[int, int]]:
    """Strips along the first side, each cut along the second: places of the ends of the best rectangles."""
    outer_ends, inner_ends = ends
    below = counts.cumsum(0).cumsum(1)
    # best[j, b]: least positions of all examples up to outer range b in j rectangles, and how it is reached.
    best = np.full((most + 1, len(outer_ends) + 1), np.inf)
    best[0, 0] = 0.0
    way: dict[tuple[int, int], tuple[int, int, list[int]]] = {}
    for end in range(1, len(outer_ends) + 1):
        for start in range(end):
            costs, cuts = _strip(below[end] - below[start], inner_ends + outer_ends[end - 1] + 1, most)
            for pieces in range(1, most + 1):
                for before in range(most + 1 - pieces):
                    cost = best[before, start] + costs[pieces]
                    if cost < best[before + pieces, end]:
                        best[before + pieces, end] = cost
                        way[before + pieces, end] = (before, start, _back(cuts, pieces))
    count, end = int(np.argmin(best[:, -1])), len(outer_ends)
    shapes: list[tuple[int, int]] = []
    while end:
        before, start, cuts_of_strip = way[count, end]
        shapes += [(end - 1, cut - 1) for cut in cuts_of_strip]
        count, end = before, start
    return shapes


def _strip(below: NDArray[Any], widths: Lengths, most: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Cuts a strip into 1 to `most` pieces.

    Args:
        below: `(ranges + 1,)`. Examples of the strip up to each range.
        widths: `(ranges,)`. Positions of an example in a piece that ends with each range.
        most: int. Most pieces.

    Returns:
        The least positions for each number of pieces, `(most + 1,)`, and for each number and end where the
        last piece starts, `(most + 1, ranges + 1)`.
    """
    held = below[None, :] - below[:, None]
    cost = held * np.concatenate([[0], widths])
    cost[np.tril_indices(len(below), -1)] = np.inf
    found = np.full((most + 1, len(below)), np.inf)
    found[0, 0] = 0.0
    starts = np.zeros((most + 1, len(below)), np.int64)
    for pieces in range(1, most + 1):
        total = found[pieces - 1][:, None] + cost
        starts[pieces] = total.argmin(axis=0)
        found[pieces] = total.min(axis=0)
    return found[:, -1], starts


def _back(starts: NDArray[np.int64], pieces: int) -> list[int]:
    """The ends of the pieces of a strip that are not empty."""
    ends, end = [], starts.shape[1] - 1
    for left in range(pieces, 0, -1):
        start = int(starts[left, end])
        if start < end:
            ends.append(end)
        end = start
    return ends
