"""Distances between real TFDV statistics."""

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.check.core import examine
from components.check.drift import distances, outliers

CHECK = {"drift": {"skew": None, "drift": None}, "min_rows": 10, "outlier_iqr": 20.0}


def statistics(**columns: object) -> object:
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns))


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


def test_an_anomaly_of_the_small_validation_split_is_reported_and_stops_nothing(base: object) -> None:
    anomalies = anomalies_pb2.Anomalies()
    anomalies.anomaly_info["number"].severity = anomalies_pb2.AnomalyInfo.ERROR
    anomalies.anomaly_info["number"].short_description = "Column dropped"
    splits = {"train": base, "eval": base}
    reported = examine({"validation": anomalies}, splits, None, CHECK, "label")
    assert [entry["column"] for entry in reported.anomalies] == ["number"]
    assert reported.errors == ()
    assert len(examine({"eval": anomalies}, splits, None, CHECK, "label").errors) == 1
