"""Statistics in one pass over files: worked numbers, exact counts, parts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.statistics import core
from components.statistics.core import Generators, record_batches

Row = Mapping[str, Any]


def feature(value: Any) -> tf.train.Feature:
    if isinstance(value, str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


def write(path: Path, rows: Iterable[Row]) -> str:
    """TFRecord of the rows; a value that is `None` is missing."""
    options = tf.io.TFRecordOptions("GZIP" if path.suffix == ".gz" else "")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for row in rows:
            known = {name: feature(value) for name, value in row.items() if value is not None}
            example = tf.train.Example(features=tf.train.Features(feature=known))
            writer.write(example.SerializeToString())
    return str(path)


def computed(files: list[str], quantiles: int = 4) -> statistics_pb2.DatasetFeatureStatistics:
    generators = Generators(quantiles)
    (found,) = generators.extract(generators.add(generators.create(), files)).datasets
    return found


def column(found: statistics_pb2.DatasetFeatureStatistics, name: str) -> Any:
    (statistics,) = (f for f in found.features if f.path.step[0] == name)
    return getattr(statistics, str(statistics.WhichOneof("stats")))


def test_worked_numbers(tmp_path: Path) -> None:
    rows = [
        {"size": 1.0, "count": 0, "city": "Oslo"},
        {"size": 2.0, "count": 3, "city": "Rome"},
        {"size": None, "count": 3, "city": "Oslo"},
        {"size": 6.0, "count": 2, "city": None},
    ]
    found = computed([write(tmp_path / "rows", rows)])
    assert found.num_examples == 4
    size, count, city = (column(found, name) for name in ("size", "count", "city"))
    assert (size.common_stats.num_non_missing, size.common_stats.num_missing) == (3, 1)
    assert (size.min, size.max, size.median, size.mean) == (1.0, 6.0, 2.0, 3.0)
    assert size.std_dev == pytest.approx(np.sqrt(14 / 3))
    assert (count.num_zeros, count.mean) == (1, 2.0)
    assert city.unique == 2
    assert [(top.value, top.frequency) for top in city.top_values] == [("Oslo", 2.0), ("Rome", 1.0)]


def test_a_column_absent_from_whole_files_and_batches_is_missing_there(tmp_path: Path) -> None:
    without = write(tmp_path / "a", [{"count": i} for i in range(500)])
    with_it = write(tmp_path / "b", [{"count": i, "city": "Rome"} for i in range(300)])
    for files in ([without, with_it], [with_it, without]):
        found = computed(files)
        assert found.num_examples == 800
        assert column(found, "city").common_stats.num_non_missing == 300
        assert column(found, "city").common_stats.num_missing == 500


def test_counts_are_exact_for_thousands_of_texts(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = [f"plane {i}" for i in np.minimum(rng.geometric(1 / 2000, 40_000), 20_000)]
    files = [write(tmp_path / str(i), [{"tail": v} for v in values[i::4]]) for i in range(4)]
    tail = column(computed(files), "tail")
    truth = Counter(values)
    assert 5000 < len(truth) <= tail.unique == len(truth)
    buckets = {bucket.label: bucket.sample_count for bucket in tail.rank_histogram.buckets}
    assert len(buckets) == 1000
    assert buckets == {label: truth[label] for label in buckets}
    assert min(buckets.values()) >= sorted(truth.values())[-1000]


def test_beyond_the_exact_values_counts_err_by_their_share_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "EXACT_VALUES", 1000)
    values = ["often"] * 3000 + [f"once {i}" for i in range(6000)]
    np.random.default_rng(1).shuffle(values)
    tail = column(computed([write(tmp_path / "rows", [{"tail": v} for v in values])]), "tail")
    assert tail.top_values[0].value == "often"
    assert 3000 - len(values) / 1000 <= tail.top_values[0].frequency <= 3000
    assert tail.unique == pytest.approx(6001, rel=0.1)


def test_merged_parts_are_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = [{"size": float(v), "city": f"city {int(abs(v) * 3)}"} for v in rng.normal(size=2000)]
    files = [write(tmp_path / "a", rows[:700]), write(tmp_path / "b.gz", rows[700:])]
    generators = Generators(4)
    parts = [generators.add(generators.create(), [file]) for file in files]
    (merged,) = generators.extract(generators.merge(parts)).datasets
    whole = computed(files)
    assert merged.num_examples == whole.num_examples == 2000
    assert column(merged, "city") == column(whole, "city")
    assert column(merged, "size").mean == pytest.approx(np.mean([np.float32(row["size"]) for row in rows]))
    assert column(merged, "size").median == pytest.approx(column(whole, "size").median, abs=0.02)


def test_batches_hold_as_many_bytes_whatever_the_rows(tmp_path: Path) -> None:
    file = write(tmp_path / "rows", ({"text": "x" * 100_000} for _ in range(200)))
    sizes = [batch.nbytes for batch in record_batches([file])]
    assert sum(sizes) >= 200 * 100_000
    assert max(sizes) < 3 * core.BATCH_BYTES
