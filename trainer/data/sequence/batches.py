"""Batches of sequences, each of the shape of its bucket."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.ahead import read_ahead
from trainer.data.sequence.order import BucketOrder, Place
from trainer.data.sequence.table import SequenceTable


@dataclasses.dataclass(frozen=True)
class SequenceBatch:
    """The batch of a step.

    Args:
        step: int. Steps done before it; `-1` in an evaluation.
        arrays: `source_ids` int32 `(batch, source)` (absent for a language model), `target_ids` int32
            `(batch, target)`, both without begin and end and padded with 0, and `weight` float32 `(batch,)`.
        examples: int. Rows that are examples; those after them are padding of weight 0.
        tokens: int. Units of both sides and ends of the targets.
    """

    step: int
    arrays: dict[str, NDArray[Any]]
    examples: int
    tokens: int


def training_batches(
    table: SequenceTable, order: BucketOrder, first_step: int, lengths: Iterable[int]
) -> Generator[SequenceBatch, None, None]:
    """The batches from `first_step` on, read ahead by one in a thread.

    Args:
        table: the training split.
        order: of its batches.
        first_step: int. Number of steps already done.
        lengths: steps in each block: ones, as batches differ in shape.
    """
    yield from read_ahead(_batches(table, order, first_step, lengths))


def _batches(
    table: SequenceTable, order: BucketOrder, step: int, lengths: Iterable[int]
) -> Iterator[SequenceBatch]:
    current, places = -1, []  # type: int, list[Place]
    for length in lengths:
        assert length == 1
        epoch, offset = divmod(step, order.steps_per_epoch)
        if epoch != current:
            current, places = epoch, order.epoch(epoch)
        yield assemble(table, order, places[offset], step)
        step += 1


def evaluation_batches(table: SequenceTable, order: BucketOrder) -> Iterator[SequenceBatch]:
    """All examples once, by bucket."""
    for place in order.every():
        yield assemble(table, order, place, -1)


def assemble(table: SequenceTable, order: BucketOrder, place: Place, step: int) -> SequenceBatch:
    """The arrays of a batch."""
    bucket, size, rows = order.buckets[place.bucket], order.sizes[place.bucket], place.rows
    missing = size - len(rows)
    arrays: dict[str, NDArray[Any]] = {
        "target_ids": table.target.take(rows, bucket.target),
        "weight": table.weight[rows],
    }
    if bucket.source:
        arrays["source_ids"] = table.source.take(rows, bucket.source)
    if missing:
        arrays = {
            name: np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])
            for name, values in arrays.items()
        }
    units = table.source.lengths[rows].sum() + table.target.lengths[rows].sum()
    return SequenceBatch(step, arrays, len(rows), int(units) + len(rows))
