"""Vocabularies of all text columns: one pass over the data, one file and one table for all of them.

Beam counts whole columns of a batch at once and merges partial counts by a hash of the value, so the
counting spreads over workers and values below the minimum count never meet in one place.
"""

from __future__ import annotations

import collections
import heapq
import posixpath
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from transforms.tabular import hashing, vocabulary_file
from transforms.tabular.layout import Vocabulary

Counts = dict[tuple[int, bytes], int]

_PARTITIONS = 16
_FLUSH_VALUES = 1_000_000


class _CountValues(beam.DoFn):
    """Counts the values of each column; emits partial counts by partition of the values."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._counters: list[collections.Counter[bytes]] = []

    def start_bundle(self) -> None:
        self._counters = [collections.Counter() for _ in range(self._columns)]

    def process(self, batch: tuple[Any, ...]) -> Iterator[tuple[int, Counts]]:
        for counter, column in zip(self._counters, batch[0].T, strict=True):
            counter.update(column.tolist())
        if sum(map(len, self._counters)) > _FLUSH_VALUES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[Any]:
        for element in self._flush():
            yield beam.transforms.window.GlobalWindows.windowed_value(element)

    def _flush(self) -> Iterator[tuple[int, Counts]]:
        partitions: list[Counts] = [{} for _ in range(_PARTITIONS)]
        for column, counter in enumerate(self._counters):
            counter.pop(b"", None)
            for value, count in counter.items():
                partitions[zlib.crc32(value) % _PARTITIONS][column, value] = count
        self.start_bundle()
        yield from ((key, counts) for key, counts in enumerate(partitions) if counts)


def _add(total: Counts, counts: Counts) -> Counts:
    for key, count in counts.items():
        total[key] = total.get(key, 0) + count
    return total


class _SumCounts(beam.CombineFn):
    """Sum of partial counts."""

    def create_accumulator(self) -> Counts:
        return {}

    def add_input(self, accumulator: Counts, element: Counts) -> Counts:
        return _add(accumulator, element)

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        total: Counts = {}
        for counts in accumulators:
            _add(total, counts)
        return total

    def extract_output(self, accumulator: Counts) -> Counts:
        return accumulator


def _select(counts: Iterable[tuple[bytes, int]], spec: Vocabulary) -> list[tuple[bytes, int]]:
    """The values of a vocabulary, the most frequent first; equal counts in the order of the bytes."""

    def rank(item: tuple[bytes, int]) -> tuple[int, bytes]:
        return -item[1], item[0]

    frequent = [item for item in counts if item[1] >= spec.min_count]
    return (
        sorted(frequent, key=rank)
        if spec.max_size is None
        else heapq.nsmallest(spec.max_size, frequent, rank)
    )


def _prune(counts: Counts, specs: Sequence[Vocabulary]) -> list[list[tuple[bytes, int]]]:
    by_column: list[list[tuple[bytes, int]]] = [[] for _ in specs]
    for (column, value), count in counts.items():
        by_column[column].append((value, count))
    return [_select(pairs, spec) for pairs, spec in zip(by_column, specs, strict=True)]


class _Analyzer(tft_beam.experimental.PTransformAnalyzer):
    """Batches `(rows, columns)` of values to the path of the file."""

    def __init__(self, specs: Sequence[Vocabulary]) -> None:
        super().__init__()
        self._specs = tuple(specs)

    def expand(self, pcoll: Any) -> Any:
        specs, directory = self._specs, self.base_temp_dir

        def write(pruned: list[list[list[tuple[bytes, int]]]]) -> Any:
            values = [
                [value for value, _ in _select([pair for part in pruned for pair in part[column]], spec)]
                for column, spec in enumerate(specs)
            ]
            tf.io.gfile.makedirs(directory)
            path = posixpath.join(directory, vocabulary_file.FILE_NAME)
            vocabulary_file.write(path, [spec.name for spec in specs], values)
            return np.array(path)

        return (
            pcoll
            | "CountValues" >> beam.ParDo(_CountValues(len(specs)))
            | "SumCounts" >> beam.CombinePerKey(_SumCounts())
            | "Prune" >> beam.Map(lambda element: _prune(element[1], specs))
            | "Gather" >> beam.combiners.ToList()
            | "Write" >> beam.Map(write)
        )


def vocabulary_ids(text: Any, keys: Any, specs: Sequence[Vocabulary]) -> Any:
    """Ids of values by learned vocabularies.

    A vocabulary of `V` values has the ids `[0, V)`, the most frequent first; values outside it are hashed
    to `[V, V + oov_buckets)`; missing is `V + oov_buckets`.

    Args:
        text: string tensor `(batch, columns)`, empty where missing.
        keys: uint64 tensor `(batch, columns)`, the salted hashes of `text`.
        specs: vocabularies of the columns.

    Returns:
        int64 tensor `(batch, columns)`.
    """
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[text],
        ptransform=_Analyzer(specs),
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[vocabulary_file.PLACEHOLDER],
        name="vocabularies",
    )
    numbers = tf.range(len(specs), dtype=tf.int64)[tf.newaxis, :]
    table_keys = tf.concat([tf.bitcast(keys, tf.int64), numbers], axis=0)
    found = tft.apply_vocabulary(table_keys, path, default_value=-1, lookup_fn=_look_up)
    known, sizes = found[:-1], found[-1:]
    oov_buckets = tf.constant([spec.oov_buckets for spec in specs], tf.int64)
    ids = tf.where(known >= 0, known, sizes + hashing.buckets(keys, oov_buckets))
    return tf.where(tf.equal(text, ""), sizes + oov_buckets, ids)


def _look_up(keys: Any, path: Any) -> tuple[Any, Any]:
    def table() -> Any:
        return tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                path,
                key_dtype=tf.int64,
                key_index=vocabulary_file.KEY_FIELD,
                value_dtype=tf.int64,
                value_index=vocabulary_file.ID_FIELD,
                delimiter=vocabulary_file.DELIMITER,
            ),
            default_value=-1,
        )

    if tf.inside_function() and not tf.is_symbolic_tensor(path):
        # The file is known: the table is made once, outside of the graph of a batch.
        with tf.init_scope():
            lookup = table()
            size = lookup.size()
    else:
        lookup = table()
        size = lookup.size()
    return lookup.lookup(keys), size
