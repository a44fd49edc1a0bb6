"""The schema step: it infers a schema while none is kept and hands out the kept one afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import standard_artifacts

from components.schema.component import Schema
from components.schema.core import KeptSchemas
from trainer.errors import TandemError


def step(directory: Path, cities: list[str], version: int = 1) -> schema_pb2.Schema:
    """Runs the step on a data set with these cities."""
    place = directory / "statistics" / "Split-train"
    place.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"city": cities * 20, "late": [0, 1] * (10 * len(cities))})
    (place / "FeatureStats.pb").write_bytes(
        tfdv.generate_statistics_from_dataframe(frame).SerializeToString()
    )
    statistics, schema = standard_artifacts.ExampleStatistics(), standard_artifacts.Schema()
    statistics.uri, schema.uri = str(place.parent), str(directory / "output")
    properties: dict[str, Any] = {
        "columns": json.dumps({"city": "string", "late": "int64"}),
        "label": "late",
        "check": json.dumps({"min_domain_mass": 0.95, "max_missing_increase": 0.1}),
        "directory": str(directory / "kept"),
        "version": version,
    }
    executor = Schema.EXECUTOR_SPEC.executor_class(BaseExecutor.Context())
    executor.Do({"statistics": [statistics]}, {"schema": [schema]}, properties)
    return text_format.Parse((directory / "output" / "schema.pbtxt").read_text(), schema_pb2.Schema())


def domain(schema: schema_pb2.Schema) -> list[str]:
    return sorted(value for domain in schema.string_domain for value in domain.value)


def test_while_none_is_kept_the_schema_is_of_the_data(tmp_path: Path) -> None:
    assert domain(step(tmp_path, ["Oslo", "Rome"])) == ["Oslo", "Rome"]
    assert domain(step(tmp_path, ["Bari", "Nice"])) == ["Bari", "Nice"]
    assert not (tmp_path / "kept").exists()


def test_later_data_does_not_change_a_kept_schema(tmp_path: Path) -> None:
    kept = KeptSchemas(tmp_path / "kept")
    kept.keep(step(tmp_path, ["Oslo", "Rome"]), 1)
    assert domain(step(tmp_path, ["Bari", "Nice"])) == ["Oslo", "Rome"]
    assert kept.version() == 1


def test_a_next_version_is_handed_out_and_the_one_before_stays(tmp_path: Path) -> None:
    kept = KeptSchemas(tmp_path / "kept")
    kept.keep(step(tmp_path, ["Oslo", "Rome"]), 1)
    second = schema_pb2.Schema()
    second.string_domain.add(name="city", value=["Oslo", "Rome", "Bari"])
    kept.keep(second, 2)
    assert domain(step(tmp_path, ["Oslo", "Rome"], kept.version())) == ["Bari", "Oslo", "Rome"]
    assert domain(step(tmp_path, ["Oslo", "Rome"], 1)) == ["Oslo", "Rome"]


def test_an_edit_by_hand_is_noticed_and_used(tmp_path: Path) -> None:
    kept = KeptSchemas(tmp_path / "kept")
    kept.keep(step(tmp_path, ["Oslo", "Rome"]), 1, "first data")
    path = kept.path(1)
    whole = path.read_text()
    path.write_text(whole.replace("Rome", "Roma"))
    first = kept.state(1, "first data")
    assert first
    assert domain(step(tmp_path, ["Oslo", "Rome"])) == ["Oslo", "Roma"]
    path.write_text(whole.replace("Rome", "Bari"))
    assert kept.state(1, "first data") not in ("", first)
    path.write_text(whole)
    assert kept.state(1, "first data") == ""


def test_statistics_without_a_train_split_are_told(tmp_path: Path) -> None:
    step(tmp_path / "other", ["Oslo"])
    (tmp_path / "statistics").mkdir()
    statistics, schema = standard_artifacts.ExampleStatistics(), standard_artifacts.Schema()
    statistics.uri, schema.uri = str(tmp_path / "statistics"), str(tmp_path / "output")
    executor = Schema.EXECUTOR_SPEC.executor_class(BaseExecutor.Context())
    with pytest.raises(TandemError, match="SCHEMA-002"):
        executor.Do(
            {"statistics": [statistics]},
            {"schema": [schema]},
            {"directory": str(tmp_path / "kept"), "version": 1},
        )
    assert not (tmp_path / "kept").exists()
