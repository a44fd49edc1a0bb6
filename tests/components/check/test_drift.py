"""Distances between real TFDV statistics."""

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.check.core import examine
from components.check.drift import QUANTILES, distances, outliers
from pipeline.config.model import Check

OPTIONS = tfdv.StatsOptions(num_quantiles_histogram_buckets=QUANTILES)
CHECK = Check().model_dump(mode="json")


def statistics(**columns: object) -> object:
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns), stats_options=OPTIONS)


def frame(seed: int, shift: float = 0.0, rows: int = 4000) -> object:
    rng = np.random.default_rng(seed)
    return statistics(
        number=rng.normal(shift, 1, rows),
        text=rng.choice(["a", "b"], rows, p=[0.5 + shift / 10, 0.5 - shift / 10]),
        label=rng.integers(0, 2, rows),
    )


@pytest.fixture(scope="module")
def base() -> object:
    return frame(1)


def by_column(old: object, new: object) -> dict[str, float]:
    return {entry.column: entry.value for entry in distances(old, new)}


def test_equal_data_is_at_no_distance(base: object) -> None:
    assert all(value == 0 for value in by_column(base, base).values())


def test_a_resample_is_near_and_a_shift_is_far(base: object) -> None:
    near, far = by_column(base, frame(2)), by_column(base, frame(2, shift=2.0))
    assert near["number"] < 0.02
    assert near["text"] < 0.03
    assert far["number"] > 0.3
    assert far["text"] == pytest.approx(0.2, abs=0.03)


def test_disjoint_numbers_are_at_distance_one(base: object) -> None:
    assert by_column(base, statistics(number=np.full(100, 1e6) + np.arange(100)))["number"] == pytest.approx(
        1.0
    )


def divergence(old: dict[float, float], new: dict[float, float]) -> float:
    """Jensen-Shannon divergence in bits of two distributions, by definition."""
    mean = {value: (old.get(value, 0) + new.get(value, 0)) / 2 for value in old | new}
    return sum(
        share * np.log2(share / mean[value]) / 2
        for shares in (old, new)
        for value, share in shares.items()
        if share
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({0: 0.098, 1: 0.902}, {0: 0.102, 1: 0.898}),
        ({0: 0.02, 1: 0.98}, {0: 0.09, 1: 0.91}),
        ({0: 0.5, 1: 0.5}, {0: 0.1, 1: 0.9}),
        ({0: 0.999, 1: 0.001}, {0: 0.98, 1: 0.02}),
        ({1: 0.3, 2: 0.4, 3: 0.3}, {1: 0.1, 2: 0.3, 3: 0.6}),
        ({5: 1.0}, {5: 1.0}),
        ({5: 1.0}, {5: 0.9, 6: 0.1}),
        ({5: 1.0}, {7: 1.0}),
        ({5: 1.0}, {3: 1.0}),
    ],
)
def test_few_values_are_at_the_distance_of_their_shares(
    old: dict[float, float], new: dict[float, float]
) -> None:
    made = [
        statistics(x=np.repeat([float(v) for v in shares], [round(100_000 * s) for s in shares.values()]))
        for shares in (old, new)
    ]
    assert by_column(*made)["x"] == pytest.approx(divergence(old, new), abs=5e-4)


def test_many_whole_numbers_by_chance_are_near() -> None:
    rng = np.random.default_rng(3)
    one, other = (statistics(x=rng.integers(0, 40, 4000).astype(float)) for _ in range(2))
    assert by_column(one, other)["x"] < 0.005


def test_skew_beyond_its_limit_is_an_error(base: object) -> None:
    check = {**CHECK, "drift": {"skew": 0.1, "drift": None}}
    errors = examine({}, {"train": base, "eval": frame(3, 2.0)}, None, check, "label").errors
    assert [error.split(":")[0] for error in errors] == ["column 'number'", "column 'text'"]
    assert all("skew" in error and "above the limit 0.1" in error for error in errors)
    assert examine({}, {"train": base, "eval": frame(3)}, None, check, "label").errors == ()


def test_the_time_of_a_row_is_neither_drift_nor_skew() -> None:
    first, second, third = (
        statistics(label=np.arange(100) % 2, time=np.arange(100) + start) for start in (0, 100, 200)
    )
    check = {**CHECK, "drift": {"skew": 0.1, "drift": 0.1}}
    splits = {"train": second, "eval": third}
    findings = examine({}, splits, first, check, "label", "time")
    assert findings.errors == ()
    assert [(entry["column"], entry["kind"]) for entry in findings.drift] == [
        ("label", "skew"),
        ("label", "drift"),
    ]
    assert len(examine({}, splits, first, check, "label").errors) == 2


def test_a_limit_turns_a_distance_into_an_error(base: object) -> None:
    check = {**CHECK, "drift": {"skew": None, "drift": 0.1}}
    findings = examine({}, {"train": frame(2, 2.0), "eval": frame(3, 2.0)}, base, check, "label")
    failed = {entry["column"] for entry in findings.drift if entry["verdict"] == "fail"}
    assert failed == {"number", "text"}
    assert len(findings.errors) == 2
    assert examine({}, {"train": frame(2), "eval": frame(3)}, base, check, "label").errors == ()


def test_too_few_rows_and_a_constant_label_are_errors(base: object) -> None:
    few = statistics(number=np.arange(5.0), label=np.zeros(5, np.int64))
    errors = examine({}, {"train": few, "eval": base}, None, CHECK, "label").errors
    assert any("at least 10 rows" in error for error in errors)
    assert any("one value only" in error for error in errors)


def test_a_missing_eval_split_is_an_error(base: object) -> None:
    errors = examine({}, {"train": base}, None, CHECK, "label").errors
    assert any("split eval" in error for error in errors)


def test_an_impossible_number_is_reported(base: object) -> None:
    wind = np.concatenate([np.random.default_rng(1).uniform(0, 40, 5000), [1048.0]])
    found = list(outliers(statistics(wind_speed=wind), 20.0))
    assert [(name, value) for name, value, _, _ in found] == [("wind_speed", 1048.0)]
    assert list(outliers(base, 20.0)) == []


def test_a_number_far_beyond_the_others_among_zeros_is_reported() -> None:
    zeros, rng = np.zeros(4900), np.random.default_rng(1)
    for value in (1e9, -1e9, 30.0):
        found = list(outliers(statistics(x=np.concatenate([zeros, rng.random(100), [value]])), 20.0))
        assert found == [("x", value, 0.0, 0.0)]


def test_sparse_counts_and_rare_flags_are_no_outliers() -> None:
    rng = np.random.default_rng(1)
    sparse = rng.random(5000) < 0.05
    columns = statistics(
        counts=np.where(sparse, rng.geometric(0.2, 5000), 0).astype(float),
        flag=(np.arange(5000) < 3).astype(float),
        lone=(np.arange(5000) < 1) * 9.0,
        amounts=np.where(sparse, rng.lognormal(0, 1, 5000), 0),
    )
    assert list(outliers(columns, 20.0)) == []


@pytest.mark.parametrize(("rows", "warned"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_validation_split_of_a_few_rows_is_a_warning(base: object, rows: int, warned: bool) -> None:
    few = statistics(number=np.arange(float(rows)))
    findings = examine({}, {"train": base, "eval": base, "validation": few}, None, CHECK, "label")
    assert findings.errors == ()
    assert [f"Received: rows={rows}" in warning for warning in findings.warnings] == [True] * warned


def test_an_anomaly_of_the_small_validation_split_is_reported_and_stops_nothing(base: object) -> None:
    anomalies = anomalies_pb2.Anomalies()
    anomalies.anomaly_info["number"].severity = anomalies_pb2.AnomalyInfo.ERROR
    anomalies.anomaly_info["number"].short_description = "Column dropped"
    splits = {"train": base, "eval": base}
    reported = examine({"validation": anomalies}, splits, None, CHECK, "label")
    assert [entry["column"] for entry in reported.anomalies] == ["number"]
    assert reported.errors == ()
    assert len(examine({"eval": anomalies}, splits, None, CHECK, "label").errors) == 1
