"""Which target unit each source unit mostly becomes: expectation maximisation over monotone alignments.

A source unit becomes one target unit or nothing, in order; target units that no source unit becomes are
extra. The pairs are padded and computed together, a row of the table at a time: extra units, the step along a
row, are a running sum of probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32]]

MOST_CELLS = 2_000_000
MOST_UNITS = 64
MOST_PAIRS = 200_000
_ITERATIONS = 5
_CHUNK_CELLS = 1 << 18
_EXTRA = 0.05
_LEAST = 1e-6


def thinned(pairs: Iterable[Pair]) -> list[Pair]:
    """At most `MOST_PAIRS` pairs and `MOST_CELLS` products of lengths, evenly chosen in their order.

    Pairs with an empty side or more than `MOST_UNITS` units on one are left out.
    """
    kept: list[Pair] = []
    stride, seen = 1, 0
    for source, target in pairs:
        if not (0 < len(source) <= MOST_UNITS and 0 < len(target) <= MOST_UNITS):
            continue
        if seen % stride == 0:
            kept.append((np.asarray(source, np.int32), np.asarray(target, np.int32)))
            if len(kept) > MOST_PAIRS:
                kept, stride = kept[::2], 2 * stride
        seen += 1
    cells = sum(len(source) * len(target) for source, target in kept)
    return kept[:: -(-cells // MOST_CELLS)] if cells else []


class _Chunk:
    """Pairs of like lengths, padded; the last axis is that of the pairs."""

    def __init__(self, pairs: Sequence[Pair], target_size: int) -> None:
        self.sources = np.array([len(source) for source, _ in pairs])
        self.targets = np.array([len(target) for _, target in pairs])
        rows, columns = int(self.sources.max()), int(self.targets.max())
        self.source = np.zeros((rows, len(pairs)), np.int32)
        self.target = np.zeros((columns, len(pairs)), np.int32)
        for index, (source, target) in enumerate(pairs):
            self.source[: len(source), index] = source
            self.target[: len(target), index] = target
        self.keys = self.source[:, None].astype(np.int64) * target_size + self.target[None]

    def distances(self) -> Array:
        """How far each cell `(rows, columns, pairs)` is from the diagonal, in shares of the lengths."""
        row = (np.arange(len(self.source))[:, None, None] + 0.5) / self.sources
        column = (np.arange(len(self.target))[None, :, None] + 0.5) / self.targets
        return np.abs(row - column)

    def posteriors(self, match: Array, nothing: Array, extra: Array) -> tuple[Array, Array]:
        """Probabilities of each match `(rows, columns, pairs)` and of nothing `(rows, pairs)`.

        Args:
            match: logarithms, of the same shape.
            nothing: logarithms, of the same shape.
            extra: logarithms for each target unit, `(columns, pairs)`.
        """
        rows, columns, count = match.shape
        along = np.concatenate([np.zeros((1, count)), np.cumsum(extra, axis=0)])
        forward = np.empty((rows + 1, columns + 1, count))
        forward[0] = along
        for i in range(rows):
            entered = forward[i] + nothing[i]
            entered[1:] = np.logaddexp(entered[1:], forward[i, :-1] + match[i])
            forward[i + 1] = np.logaddexp.accumulate(entered - along, axis=0) + along
        ends = np.arange(count)
        match_share, nothing_share = np.empty_like(match), np.empty_like(nothing)
        behind = np.full((columns + 1, count), -np.inf)
        total = forward[self.sources, self.targets, ends]
        for i in range(rows, -1, -1):
            left = np.full_like(behind, -np.inf)
            if i < rows:
                match_share[i] = np.exp(forward[i, :-1] + match[i] + behind[1:] - total)
                nothing_share[i] = np.exp(forward[i] + nothing[i] + behind - total).sum(axis=0)
                left = behind + nothing[i]
                left[:-1] = np.logaddexp(left[:-1], behind[1:] + match[i])
            here = self.sources == i
            left[self.targets[here], ends[here]] = 0.0
            behind = np.logaddexp.accumulate((left + along)[::-1], axis=0)[::-1] - along
        return match_share, nothing_share


def _chunks(pairs: Sequence[Pair], target_size: int) -> list[_Chunk]:
    ordered = sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1])))
    chunks, start = [], 0
    while start < len(ordered):
        rows = max(1, _CHUNK_CELLS // ((len(ordered[start][0]) + 2) * (len(ordered[start][1]) + 2)))
        chunks.append(_Chunk(ordered[start : start + rows], target_size))
        start += rows
    return chunks


def most_frequent(
    pairs: Sequence[Pair], source_size: int, target_size: int
) -> tuple[NDArray[np.int64], Array]:
    """The target unit that each source unit most often becomes.

    Starts from matches near the diagonal; then each of five rounds counts all monotone alignments by their
    probability under the counts of the round before.

    Args:
        pairs: source and target ids, none of them empty.
        source_size: number of source ids.
        target_size: number of target ids.

    Returns:
        Target ids int64 `(source_size,)`, 0 for nothing, which is also that of ids that do not occur; and the
        share of that outcome among all, float64 `(source_size,)`.

    Example:
        >>> pairs = [([4, 5, 6], [7, 8]), ([4, 6], [7, 8]), ([5, 4], [7]), ([6], [8])]
        >>> most_frequent(thinned(pairs), 8, 9)[0].tolist()
        [0, 0, 0, 0, 7, 0, 8, 0]

    Reference: Dempster, Laird and Rubin, 1977; the alignments as in Jiampojamarn et al., 2007, Applying
    Many-to-Many Alignments and Hidden Markov Models to Letter-to-Phoneme Conversion, with at most one to one.
    """
    best, shares = np.zeros(source_size, np.int64), np.ones(source_size)
    if not pairs:
        return best, shares
    chunks = _chunks(pairs, target_size)
    keys, inverse = np.unique(np.concatenate([chunk.keys.ravel() for chunk in chunks]), return_inverse=True)
    places = np.split(inverse.astype(np.int32), np.cumsum([chunk.keys.size for chunk in chunks])[:-1])
    unigrams = np.bincount(np.concatenate([target for _, target in pairs]), minlength=target_size)
    extra = np.log(_EXTRA * np.maximum(unigrams, 1) / unigrams.sum())
    owners = keys // target_size
    match, nothing = np.zeros(len(keys)), np.zeros(source_size)
    counts, silent = match, nothing
    for iteration in range(_ITERATIONS + 1):
        counts, silent = np.zeros(len(keys)), np.zeros(source_size)
        for chunk, place in zip(chunks, places, strict=True):
            shaped = place.reshape(chunk.keys.shape)
            first = iteration == 0
            scores = -8.0 * chunk.distances() if first else match[shaped]
            silence = np.full(chunk.source.shape, np.log(0.1)) if first else nothing[chunk.source]
            matched, skipped = chunk.posteriors(scores, silence, extra[chunk.target])
            counts += np.bincount(place, matched.ravel(), len(keys))
            silent += np.bincount(chunk.source.ravel(), skipped.ravel(), source_size)
        sums = np.bincount(owners, counts, source_size) + silent + _LEAST
        match = np.log((counts + _LEAST) / sums[owners])
        nothing = np.log((silent + _LEAST) / sums)
    # Keys are sorted, so among equals the last written by this order is the least id with the most counts.
    order = np.lexsort((-keys, counts))
    highest = np.zeros(source_size)
    highest[owners[order]], best[owners[order]] = counts[order], keys[order] % target_size
    best[highest <= silent] = 0
    shares = np.maximum(highest, silent) / (np.bincount(owners, counts, source_size) + silent + _LEAST)
    return best, np.where(shares > 0, shares, 1.0)
