"""Which examples make the batch of a step: shuffled within their buckets, batches of all buckets shuffled."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.sequence.buckets import Bucket, assign, choose_buckets
from trainer.data.sequence.table import SequenceTable

_ROUND = 8


@dataclasses.dataclass(frozen=True)
class Place:
    """A batch.

    Args:
        bucket: int. Number of its bucket.
        rows: int64 `(at most the batch size,)`. Its examples.
    """

    bucket: int
    rows: NDArray[np.int64]


def batch_size(rows: int, width: int, batch_tokens: int, replicas: int = 1) -> int:
    """Examples of each batch of a bucket.

    At most `batch_tokens // width`, in multiples of 8 from 8 on and of the replicas always; then as few as
    fill no more batches, since what is missing in the last one is computed all the same.

    Args:
        rows: int, at least 1. Examples of the bucket.
        width: int, at least 1. Positions of one example.
        batch_tokens: int, at least 1. Positions of a batch.
        replicas: int, at least 1. Devices that share a batch. Defaults to `1`.

    Example:
        >>> batch_size(rows=1000, width=10, batch_tokens=4000)
        336
        >>> batch_size(rows=1000, width=10, batch_tokens=35)
        3
    """
    limit = max(1, batch_tokens // width)
    step = math.lcm(_ROUND, replicas) if limit >= _ROUND else replicas
    limit = max(step, limit // step * step)
    batches = -(-rows // limit)
    return -(-rows // (batches * step)) * step


def _dealt(rows: NDArray[np.int64], batches: int) -> list[NDArray[np.int64]]:
    return np.array_split(rows, batches) if batches else []


class BucketOrder:
    """Maps a step to the examples of its batch.

    In each epoch the examples of a bucket are shuffled and dealt out evenly to its batches, and the batches
    of all buckets are shuffled. Every example is visited once an epoch. Where a batch has fewer examples than
    places, the rest are rows that weigh nothing. The batch of a step depends on the split, the numbers below
    and the step alone.

    Args:
        table: the split.
        buckets: int, at least 1. Most buckets.
        batch_tokens: int, at least 1. Positions of a batch: source, target and end of its examples.
        seed: int, at least 0.
        replicas: int, at least 1. Devices that share a batch. Defaults to `1`.
        visited: int64. The rows that are visited, at least one; the buckets are those of all. None for all.
            Defaults to `None`.
    """

    def __init__(
        self,
        table: SequenceTable,
        buckets: int,
        batch_tokens: int,
        seed: int,
        replicas: int = 1,
        visited: NDArray[np.int64] | None = None,
    ) -> None:
        lengths = table.source.lengths, table.target.lengths
        self.buckets: tuple[Bucket, ...] = choose_buckets(*lengths, buckets)
        place = assign(*lengths, self.buckets)
        if visited is not None:
            others = np.ones(len(place), bool)
            others[visited] = False
            place[others] = -1
        self._rows = [np.flatnonzero(place == index) for index in range(len(self.buckets))]
        self.sizes = [
            batch_size(max(1, len(rows)), bucket.width, batch_tokens, replicas)
            for rows, bucket in zip(self._rows, self.buckets, strict=True)
        ]
        self._batches = [-(-len(rows) // size) for rows, size in zip(self._rows, self.sizes, strict=True)]
        self._seed = seed
        self._tokens = lengths[0] + lengths[1] + 1

    @property
    def examples(self) -> int:
        """Examples of one pass."""
        return sum(len(rows) for rows in self._rows)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one pass."""
        return sum(self._batches)

    def steps(self, epochs: float) -> int:
        """Steps in `epochs` passes, at least 1."""
        return max(1, round(epochs * self.steps_per_epoch))

    def epoch(self, number: int) -> list[Place]:
        """The batches of an epoch in their order."""
        generator = np.random.default_rng([self._seed, number])
        places = [
            Place(bucket, part)
            for bucket, rows in enumerate(self._rows)
            for part in _dealt(generator.permutation(rows), self._batches[bucket])
        ]
        return [places[index] for index in generator.permutation(len(places))]

    def every(self) -> list[Place]:
        """All examples once, by bucket and in the order of the split: for an evaluation."""
        return [
            Place(bucket, part)
            for bucket, rows in enumerate(self._rows)
            for part in _dealt(rows, self._batches[bucket])
        ]

    def report(self) -> dict[str, Any]:
        """`padding_share` of all positions, and for each of the `buckets` the same, its greatest `source` and
        `target` length, the greater of them as `length`, its `examples`, `batches` and examples of a `batch`.
        """
        entries, held, used = [], 0, 0
        for bucket, rows, size, batches in zip(
            self.buckets, self._rows, self.sizes, self._batches, strict=True
        ):
            positions, tokens = batches * size * bucket.width, int(self._tokens[rows].sum())
            held, used = held + positions, used + tokens
            entries.append(
                {
                    "source": bucket.source,
                    "target": bucket.target,
                    "length": max(bucket.source, bucket.target),
                    "examples": len(rows),
                    "batch": size,
                    "batches": batches,
                    "padding_share": 1.0 - tokens / positions if positions else 0.0,
                }
            )
        return {"buckets": entries, "padding_share": 1.0 - used / held}
