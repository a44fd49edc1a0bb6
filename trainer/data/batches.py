"""Batches of static shape, several to a block so that one call of the train step does several steps."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.data.ahead import read_ahead
from trainer.data.order import TrainingOrder
from trainer.data.records import Columns, numpy_batches, parse, read_in_order, serialized_examples
from trainer.data.split import Split

Batch = dict[str, NDArray[Any]]
Block = dict[str, NDArray[Any]]

DEFAULT_SHUFFLE_ROWS = 100_000


def training_blocks(
    split: Split,
    order: TrainingOrder,
    first_step: int,
    lengths: Iterable[int],
    shuffle_rows: int = DEFAULT_SHUFFLE_ROWS,
    rows: NDArray[np.int64] | None = None,
) -> Generator[Block, None, None]:
    """The batches from `first_step` on, as blocks of the given lengths, read ahead by one in a thread.

    The batch of a step depends on the split, the seed and the step alone, so a resumed run sees what an
    unbroken one would have seen.

    Args:
        split: the training split.
        order: rows, batch size and seed.
        first_step: int. Number of steps already done.
        lengths: steps in each block.
        shuffle_rows: int. Size of the shuffle buffer for a split that is not in memory. Defaults to `100000`.
        rows: int64, ascending. The rows that are visited, whose number `order` has; None for all. Defaults to
            `None`.

    Yields:
        Arrays by name, each `(length, batch, ...)`.
    """
    read = _read_table if split.columns is not None else _read_stream
    blocks = read(split, order, first_step, iter(lengths), shuffle_rows, rows)
    yield from read_ahead(blocks)


def _read_table(
    split: Split,
    order: TrainingOrder,
    step: int,
    lengths: Iterator[int],
    _: int,
    rows: NDArray[np.int64] | None,
) -> Iterator[Block]:
    columns = split.columns or {}
    current, permutation = -1, np.empty(0, np.int64)
    for length in lengths:
        parts, left = [], length
        while left:
            epoch, offset = order.position(step)
            if epoch != current:
                current, permutation = epoch, order.permutation(epoch)
                permutation = permutation if rows is None else rows[permutation]
            count = min(left, order.steps_per_epoch - offset)
            parts.append(permutation[offset * order.batch : (offset + count) * order.batch])
            step, left = step + count, left - count
        places = parts[0] if len(parts) == 1 else np.concatenate(parts)
        yield {
            name: np.take(values, places, axis=0).reshape(length, order.batch, *values.shape[1:])
            for name, values in columns.items()
        }


def _read_stream(
    split: Split,
    order: TrainingOrder,
    step: int,
    lengths: Iterator[int],
    shuffle_rows: int,
    rows: NDArray[np.int64] | None,
) -> Iterator[Block]:
    current, batches = -1, iter(())  # type: tuple[int, Iterator[Columns]]
    kept = None if rows is None else _kept(split, rows)
    for length in lengths:
        parts = []
        for _ in range(length):
            epoch, offset = order.position(step)
            if epoch != current:
                current, batches = epoch, _stream_epoch(split, order, epoch, offset, shuffle_rows, kept)
            parts.append(next(batches))
            step += 1
        yield {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def _kept(split: Split, rows: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Of each file, which of its records are among the rows."""
    mask = np.zeros(split.rows, bool)
    mask[rows] = True
    counts = [
        int(serialized_examples([file]).reduce(np.int64(0), lambda count, _: count + 1))
        for file in split.files
    ]
    return np.split(mask, np.cumsum(counts)[:-1])


def _stream_epoch(
    split: Split,
    order: TrainingOrder,
    epoch: int,
    offset: int,
    shuffle_rows: int,
    kept: list[NDArray[np.bool_]] | None,
) -> Iterator[Columns]:
    seed = order.epoch_seed(epoch)
    places = np.random.default_rng(seed).permutation(len(split.files))
    records = serialized_examples([split.files[place] for place in places])
    if kept is not None:
        among = tf.data.Dataset.from_tensor_slices(np.concatenate([kept[place] for place in places]))
        records = (
            tf.data.Dataset.zip((records, among)).filter(lambda _, here: here).map(lambda record, _: record)
        )
    dataset = (
        records.shuffle(min(shuffle_rows, order.rows), seed=seed, reshuffle_each_iteration=False)
        .batch(order.batch, drop_remainder=True)
        .skip(offset)
        .map(lambda batch: parse(batch, split.spec), num_parallel_calls=2, deterministic=True)
        .prefetch(2)
    )
    return numpy_batches(dataset, split.files)


def evaluation_blocks(split: Split, batch_size: int, length: int = 16) -> Iterator[Block]:
    """All rows in order; the last batch is filled up with copies of a row that weigh nothing.

    Args:
        split: the split to evaluate.
        batch_size: int. Rows of each batch.
        length: int. Most batches in a block; the last block may hold fewer. Defaults to `16`.

    Yields:
        Arrays by name, each `(batches, batch_size, ...)`.
    """
    rows = batch_size * length
    if split.columns is None:
        parts: Iterable[Columns] = read_in_order(split.files, functools.partial(parse, spec=split.spec), rows)
    else:
        table = split.columns
        parts = (
            {name: values[start : start + rows] for name, values in table.items()}
            for start in range(0, split.rows, rows)
        )
    for part in parts:
        yield _pad(part, batch_size)


def _pad(part: Columns, batch_size: int) -> Block:
    rows = len(part["label"])
    missing = -rows % batch_size
    block = {}
    for name, values in part.items():
        if missing:
            filler = (
                np.zeros(missing, values.dtype) if name == "weight" else np.repeat(values[:1], missing, 0)
            )
            values = np.concatenate([values, filler])
        block[name] = values.reshape(-1, batch_size, *values.shape[1:])
    return block
