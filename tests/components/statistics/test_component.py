"""The statistics step writes what the stock StatisticsGen writes for the same examples."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components.statistics_gen.executor import Executor as StatisticsGen
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts

from components.adapter import read_statistics
from components.check.drift import QUANTILES
from components.ingest.core import ingest
from components.statistics.component import Statistics

ROWS = 3000
BEAM = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner", "--sdk_container_image=none"]
SPLITS = ("train", "validation", "eval")


@dataclasses.dataclass(frozen=True)
class Written:
    """Statistics of the same examples."""

    stock: Path
    ours: Path
    artifact: standard_artifacts.ExampleStatistics


def write_files(directory: Path) -> None:
    """Two CSV files with texts in many forms, numbers, gaps and a column without any value."""
    rng = np.random.default_rng(11)
    names = [f"n{int(i)}" for i in rng.zipf(1.6, ROWS) % 1500]
    lines = [
        f"{rng.normal():.4f},{i % 7 if i % 5 else ''},{name},{'Zürich' if i % 3 else ''},,{i % 2}"
        for i, name in enumerate(names)
    ]
    for number in range(2):
        text = "\n".join(["size,count,name,city,nothing,late", *lines[number::2]])
        (directory / f"rows-{number}.csv").write_text(text + "\n")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    from pipeline.config import load
    from pipeline.plan import ingest_arguments

    place = tmp_path_factory.mktemp("statistics")
    (place / "data").mkdir()
    write_files(place / "data")
    (place / "config.yaml").write_text(
        "name: data\ntask: binary\nlabel: {column: late, classes: ['0', '1']}\n"
        "data: {path: data, split: {by: hash}}\n"
        "features: {size: {kind: numeric}, count: {kind: numeric}, name: {kind: categorical},\n"
        "  city: {kind: categorical}, nothing: {kind: categorical}}\n"
        "gate: {rules: [{metric: log_loss, better_than: prior}]}\n"
    )
    told = ingest_arguments(load(place / "config.yaml", []), place)
    del told["base_directory"]
    ingest(**told, base_directory=place, output_directory=place / "examples")
    # Of no rows at all, as ingest writes a split that has none.
    for shard in (place / "examples" / "Split-validation").iterdir():
        shard.write_bytes(b"")
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(place / "examples"), json.dumps(SPLITS)
    examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
    stock, ours = standard_artifacts.ExampleStatistics(), standard_artifacts.ExampleStatistics()
    stock.uri, ours.uri = str(place / "stock"), str(place / "ours")
    context = base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=BEAM)
    options = tfdv.StatsOptions(num_quantiles_histogram_buckets=QUANTILES)
    StatisticsGen(context).Do(
        {"examples": [examples]}, {"statistics": [stock]}, {"stats_options_json": options.to_json()}
    )
    Statistics.EXECUTOR_SPEC.executor_class(context).Do(
        {"examples": [examples]}, {"statistics": [ours]}, {"quantiles": QUANTILES, "fingerprint": ""}
    )
    return Written(place / "stock", place / "ours", ours)


def without_rounding(
    found: statistics_pb2.DatasetFeatureStatisticsList | None,
) -> tuple[statistics_pb2.DatasetFeatureStatistics, dict[str, tuple[float, float]]]:
    """Statistics in name order without means and deviations, whose last digits tell the order of sums."""
    assert found is not None
    (dataset,) = found.datasets
    moments = {}
    for feature in dataset.features:
        if feature.HasField("num_stats"):
            moments[feature.path.step[0]] = feature.num_stats.mean, feature.num_stats.std_dev
            feature.num_stats.ClearField("mean")
            feature.num_stats.ClearField("std_dev")
    features = sorted(dataset.features, key=lambda feature: feature.path.step[0])
    kept = statistics_pb2.DatasetFeatureStatistics(num_examples=dataset.num_examples, features=features)
    return kept, moments


@pytest.mark.parametrize("split", SPLITS)
def test_statistics_are_those_of_the_stock_component(written: Written, split: str) -> None:
    stock, stock_moments = without_rounding(read_statistics(written.stock, split))
    ours, moments = without_rounding(read_statistics(written.ours, split))
    assert ours == stock
    assert moments == {name: pytest.approx(pair, rel=1e-9) for name, pair in stock_moments.items()}
    assert (stock.num_examples > 0) == (split != "validation")


def test_the_oracle_has_what_could_differ(written: Written) -> None:
    train, _ = without_rounding(read_statistics(written.stock, "train"))
    by_name = {feature.path.step[0]: feature for feature in train.features}
    assert by_name["name"].string_stats.unique > 100
    assert by_name["city"].string_stats.common_stats.num_missing > 0
    assert len(by_name["size"].num_stats.histograms[1].buckets) == QUANTILES


def test_the_artifact_names_its_splits(written: Written) -> None:
    assert json.loads(written.artifact.split_names) == list(SPLITS)
    assert sorted(path.name for path in written.ours.iterdir()) == sorted(f"Split-{name}" for name in SPLITS)
