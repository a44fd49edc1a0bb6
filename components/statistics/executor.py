"""Computes the statistics of every split, a file at a time, on Beam."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.adapter import only, split_files, split_names
from components.statistics.core import Accumulator, Generators
from trainer.storage import write_atomic


class FilesCombineFn(beam.CombineFn):  # type: ignore[misc]
    """Statistics of files: a worker keeps sums and sketches, never rows."""

    def __init__(self, quantiles: int) -> None:
        super().__init__()
        self._generators = Generators(quantiles)

    def create_accumulator(self) -> Accumulator:
        """See base class."""
        return self._generators.create()

    def add_input(self, accumulator: Accumulator, file: str) -> Accumulator:
        """See base class."""
        return self._generators.add(accumulator, [file])

    def merge_accumulators(self, accumulators: Iterable[Accumulator]) -> Accumulator:
        """See base class."""
        return self._generators.merge(accumulators)

    def extract_output(self, accumulator: Accumulator) -> statistics_pb2.DatasetFeatureStatisticsList:
        """See base class."""
        return self._generators.extract(accumulator)


def _write(statistics: statistics_pb2.DatasetFeatureStatisticsList, path: Path) -> None:
    write_atomic(path, statistics.SerializeToString(deterministic=True))


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads `examples`, writes `statistics/Split-<name>/FeatureStats.pb` as StatisticsGen does."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See base class."""
        self._log_startup(input_dict, output_dict, exec_properties)
        examples, statistics = only(input_dict, "examples"), only(output_dict, "statistics")
        splits = split_names(examples)
        statistics.split_names = artifact_utils.encode_split_names(splits)
        statistics.span = examples.span
        combine = FilesCombineFn(int(exec_properties["quantiles"]))
        with self._make_beam_pipeline() as pipeline:
            for split in splits:
                path = Path(statistics.uri) / f"Split-{split}" / "FeatureStats.pb"
                _ = (
                    pipeline
                    | f"Files[{split}]" >> beam.Create(split_files(examples.uri, split))
                    | f"Spread[{split}]" >> beam.Reshuffle()
                    | f"Combine[{split}]" >> beam.CombineGlobally(combine)
                    | f"Write[{split}]" >> beam.Map(_write, path)
                )
