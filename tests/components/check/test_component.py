"""The check and the schema as steps, on statistics in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils, standard_artifacts

from components.check.component import Check
from components.schema.core import KeptSchemas, to_text
from pipeline.config.model import Check as CheckSection
from trainer.errors import TandemError

SCHEMA = schema_pb2.Schema(feature=[schema_pb2.Feature(name="size", type=schema_pb2.FLOAT)])
CHECK = CheckSection().model_dump(mode="json")


def frame(seed: int, rows: int = 200, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"size": rng.normal(shift, 1, rows), "late": rng.integers(0, 2, rows)})


def artifact(kind: Any, place: Path, splits: tuple[str, ...] = ()) -> Any:
    made = kind()
    made.uri = str(place)
    place.mkdir(parents=True, exist_ok=True)
    if splits:
        made.split_names = artifact_utils.encode_split_names(list(splits))
    return made


def statistics(place: Path, **splits: pd.DataFrame) -> Any:
    for name, data in splits.items():
        (place / f"Split-{name}").mkdir(parents=True)
        found = tfdv.generate_statistics_from_dataframe(data)
        (place / f"Split-{name}" / "FeatureStats.pb").write_bytes(found.SerializeToString())
    return artifact(standard_artifacts.ExampleStatistics, place, tuple(splits))


def run(directory: Path, train: pd.DataFrame, anomaly: int | None = None, previous: str = "", **check: Any):
    """The findings that the step writes."""
    made = statistics(directory / "statistics", train=train, eval=frame(9))
    anomalies = artifact(standard_artifacts.ExampleAnomalies, directory / "anomalies", ("train", "eval"))
    for split in ("train", "eval"):
        found = anomalies_pb2.Anomalies()
        if anomaly is not None and split == "train":
            found.anomaly_info["size"].severity = anomaly
            found.anomaly_info["size"].short_description = "Out of range"
        (directory / "anomalies" / f"Split-{split}").mkdir(parents=True)
        (directory / "anomalies" / f"Split-{split}" / "SchemaDiff.pb").write_bytes(found.SerializeToString())
    schema = artifact(standard_artifacts.Schema, directory / "schema")
    (directory / "schema" / "schema.pbtxt").write_text(to_text(SCHEMA))
    report = artifact(standard_artifacts.ExampleAnomalies, directory / "report")
    executor = Check.EXECUTOR_SPEC.executor_class(BaseExecutor.Context())
    executor.Do(
        {"statistics": [made], "anomalies": [anomalies], "schema": [schema]},
        {"report": [report]},
        {
            "check": json.dumps(CHECK | check),
            "label": "late",
            "time_column": "",
            "previous_statistics": previous,
            "directory": str(directory / "kept"),
            "version": 1,
            "origin": "these data",
        },
    )
    return json.loads((directory / "report" / "check.json").read_text())


def test_data_without_fault_passes_and_distances_are_reported(tmp_path: Path) -> None:
    found = run(tmp_path, frame(1))
    assert (found["errors"], found["anomalies"]) == ([], [])
    assert {entry["kind"] for entry in found["drift"]} == {"skew"}


def test_an_anomaly_stops_the_run_by_its_severity(tmp_path: Path) -> None:
    warned = run(tmp_path / "warning", frame(1), anomalies_pb2.AnomalyInfo.WARNING)
    assert [entry["severity"] for entry in warned["anomalies"]] == ["warning"]
    with pytest.raises(TandemError, match=r"DATA-001.*column 'size' of train: Out of range") as stopped:
        run(tmp_path / "error", frame(1), anomalies_pb2.AnomalyInfo.ERROR)
    assert stopped.value.exit_status == 2
    assert "tandem schema diff CONFIG" in stopped.value.hint
    assert not (tmp_path / "error" / "report" / "check.json").exists()


def test_the_first_schema_is_kept_when_the_data_have_passed(tmp_path: Path) -> None:
    run(tmp_path / "good", frame(1))
    kept = KeptSchemas(tmp_path / "good" / "kept")
    assert kept.read(1) == SCHEMA
    assert kept.state(1, "these data") == ""
    with pytest.raises(TandemError, match="DATA-001"):
        run(tmp_path / "bad", frame(1), min_rows=1000)
    assert not (tmp_path / "bad" / "kept").exists()


def test_a_kept_schema_stays(tmp_path: Path) -> None:
    kept = KeptSchemas(tmp_path / "kept")
    kept.keep(schema_pb2.Schema(), 1)
    run(tmp_path, frame(1))
    assert kept.read(1) == schema_pb2.Schema()


def test_drift_is_measured_against_the_span_before(tmp_path: Path) -> None:
    before = statistics(tmp_path / "before", train=frame(2))
    found = run(tmp_path / "near", frame(1), previous=before.uri)
    assert {entry["kind"] for entry in found["drift"]} == {"skew", "drift"}
    with pytest.raises(TandemError, match=r"drift 0\.\d+ .* is above the limit 0\.2"):
        run(
            tmp_path / "far",
            frame(1, shift=4.0),
            previous=before.uri,
            drift={"skew": None, "drift": 0.2},
        )


def test_many_faults_are_counted_and_the_first_ones_told(tmp_path: Path) -> None:
    wide = pd.DataFrame({f"n{i}": np.arange(200.0) for i in range(15)} | {"late": np.arange(200) % 2})
    before = statistics(tmp_path / "before", train=(wide + 1000).assign(late=wide["late"]))
    with pytest.raises(TandemError, match="; 5 more"):
        run(tmp_path / "now", wide, previous=before.uri, drift={"skew": None, "drift": 0.2})
