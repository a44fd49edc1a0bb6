"""Statistics of serialized examples in one pass over files, in memory that does not grow with the rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that TFDV imports
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.generators import basic_stats_generator as basic
from tensorflow_data_validation.statistics.generators import top_k_uniques_sketch_stats_generator as top_k
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.statistics import merge_util

EXACT_VALUES: Final = 1 << 16
"""Distinct texts of a column up to which their counts are exact."""
BATCH_BYTES: Final = 4 << 20
_READ_ROWS: Final = 64

Accumulator: TypeAlias = list[Any]


def record_batches(files: Sequence[str]) -> Iterator[Any]:
    """Arrow record batches of TFRecord files (gzip by suffix), decoded from about `BATCH_BYTES` each."""
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    for zipped, group in itertools.groupby(files, lambda file: file.endswith(".gz")):
        held: list[bytes] = []
        size = 0
        dataset = tf.data.TFRecordDataset(list(group), "GZIP" if zipped else "")
        for records in dataset.batch(_READ_ROWS).prefetch(2).as_numpy_iterator():
            held += records.tolist()
            size += sum(map(len, held[-len(records) :]))
            if size >= BATCH_BYTES:
                yield decoder.DecodeBatch(held)
                held, size = [], 0
        if held:
            yield decoder.DecodeBatch(held)


class Generators:
    """What TFDV computes by default, as accumulators over record batches.

    Accumulators of two parts of the rows can be merged. All numbers are those of
    `tfdv.GenerateStatistics`, but for the most frequent texts and the number of distinct ones: these come
    from sketches of `EXACT_VALUES` buckets, which are exact up to so many distinct values in a column. Beyond
    that a count may be too low by `1 / EXACT_VALUES` of the rows. Texts above 1,024 bytes count as one.

    Args:
        quantiles: buckets of the histogram of quantiles of a number.
    """

    def __init__(self, quantiles: int) -> None:
        defaults = tfdv.StatsOptions()
        self._generators = (
            basic.BasicStatsGenerator(
                num_values_histogram_buckets=defaults.num_values_histogram_buckets,
                num_histogram_buckets=defaults.num_histogram_buckets,
                num_quantiles_histogram_buckets=quantiles,
                epsilon=defaults.epsilon,
            ),
            top_k.TopKUniquesSketchStatsGenerator(
                num_top_values=defaults.num_top_values,
                num_rank_histogram_buckets=defaults.num_rank_histogram_buckets,
                frequency_threshold=defaults.frequency_threshold,
                num_misragries_buckets=EXACT_VALUES,
                num_kmv_buckets=EXACT_VALUES,
            ),
        )

    def create(self) -> Accumulator:
        """Of no rows."""
        return [generator.create_accumulator() for generator in self._generators]

    def add(self, accumulator: Accumulator, files: Sequence[str]) -> Accumulator:
        """With the rows of `files`."""
        for batch in record_batches(files):
            accumulator = [
                generator.add_input(part, batch)
                for generator, part in zip(self._generators, accumulator, strict=True)
            ]
        return accumulator

    def merge(self, accumulators: Iterable[Accumulator]) -> Accumulator:
        """Of the rows of all of them."""
        columns = zip(*accumulators, strict=True)
        return [
            generator.merge_accumulators(parts)
            for generator, parts in zip(self._generators, columns, strict=True)
        ]

    def extract(self, accumulator: Accumulator) -> statistics_pb2.DatasetFeatureStatisticsList:
        """The statistics."""
        return merge_util.merge_dataset_feature_statistics(
            [
                generator.extract_output(generator.compact(part))
                for generator, part in zip(self._generators, accumulator, strict=True)
            ]
        )
