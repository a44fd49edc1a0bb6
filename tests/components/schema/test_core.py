"""Inferring and keeping a schema, with real statistics and the real validator."""

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

from components.schema.core import KeptSchemas, infer
from trainer.errors import TandemError

COLUMNS = {"city": "string", "size": "float", "when": "int64", "empty": "string", "label": "int64"}


def data(rows: int = 500, **changes: object) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["x", "y", "z"], rows),
            "size": rng.normal(size=rows).astype(np.float32),
            "when": rng.integers(0, 10**9, rows),
            "label": rng.integers(0, 2, rows),
        }
    )
    frame.loc[frame.index[: rows // 10], "size"] = np.nan
    for name, value in changes.items():
        frame[name] = value
    return frame


@pytest.fixture(scope="module")
def schema() -> schema_pb2.Schema:
    return infer(tfdv.generate_statistics_from_dataframe(data()), COLUMNS, "label", 0.95, 0.1)


def anomalies(frame: pd.DataFrame, schema: schema_pb2.Schema) -> dict[str, str]:
    found = tfdv.validate_statistics(tfdv.generate_statistics_from_dataframe(frame), schema)
    return {name: info.short_description for name, info in found.anomaly_info.items()}


def test_every_configured_column_is_in_the_schema_with_its_type(schema: schema_pb2.Schema) -> None:
    types = {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in schema.feature}
    assert types == {"city": "BYTES", "size": "FLOAT", "when": "INT", "empty": "BYTES", "label": "INT"}
    assert not any(feature.HasField("shape") for feature in schema.feature)


def test_the_data_it_came_from_has_no_anomaly(schema: schema_pb2.Schema) -> None:
    assert anomalies(data(), schema) == {}


@pytest.mark.parametrize("missing", [1, 2, 10])
def test_no_increase_allows_exactly_the_missing_values_that_were_there(missing: int) -> None:
    # 20/21, 20/22 and 2/3 of values: rounded to four digits they go up, and would not be reached.
    frame = pd.DataFrame({"size": [None] * missing + [1.0, 2.0] * 10, "label": 1})
    statistics = tfdv.generate_statistics_from_dataframe(frame)
    schema = infer(statistics, {"size": "float", "label": "int64"}, "label", 0.95, 0.0)
    assert anomalies(frame, schema) == {}
    more = pd.concat([frame, pd.DataFrame({"size": [None] * 5, "label": 1})], ignore_index=True)
    assert list(anomalies(more, schema)) == ["size"]


def test_a_few_unseen_values_pass_and_many_do_not(schema: schema_pb2.Schema) -> None:
    few, many = data(), data()
    few.loc[few.index[:10], "city"] = "new"
    many.loc[many.index[:100], "city"] = "new"
    assert anomalies(few, schema) == {}
    assert "city" in anomalies(many, schema)


def test_a_column_that_is_missing_more_often_is_an_anomaly(schema: schema_pb2.Schema) -> None:
    little, much = data(), data()
    little.loc[little.index[:80], "size"] = np.nan
    much.loc[much.index[:200], "size"] = np.nan
    assert anomalies(little, schema) == {}
    assert "size" in anomalies(much, schema)


def test_other_texts_are_no_anomaly() -> None:
    columns = {"title": "text", "kind": "string", "label": "text"}
    frame = pd.DataFrame({"title": ["a", "b"] * 50, "kind": ["a", "b"] * 50, "label": ["x", "y"] * 50})
    schema = infer(tfdv.generate_statistics_from_dataframe(frame), columns, "label", 0.95, 0.1)
    assert [d.name for d in schema.string_domain] == ["kind"]
    other = pd.DataFrame({"title": ["new"] * 100, "kind": ["a", "b"] * 50, "label": ["other"] * 100})
    assert anomalies(other, schema) == {}
    assert list(anomalies(other.assign(kind="new"), schema)) == ["kind"]


def test_a_kept_schema_comes_back_and_versions_count(tmp_path: Path, schema: schema_pb2.Schema) -> None:
    kept = KeptSchemas(tmp_path)
    assert kept.version() == 1
    assert kept.read(1) is None
    kept.keep(schema, 1)
    assert kept.read(1) == schema
    kept.keep(schema, 2)
    assert kept.version() == 2


def test_the_state_tells_versions_from_what_the_data_give_anyway(
    tmp_path: Path, schema: schema_pb2.Schema
) -> None:
    kept = KeptSchemas(tmp_path)
    assert kept.state(1, "data") == ""
    kept.keep(schema, 1, "data")
    assert kept.state(1, "data") == ""
    assert kept.state(1, "other data") != ""
    kept.keep(schema, 2)
    assert kept.state(2, "data") == kept.state(1, "other data")


def test_a_damaged_kept_schema_is_refused(tmp_path: Path, schema: schema_pb2.Schema) -> None:
    kept = KeptSchemas(tmp_path)
    kept.keep(schema, 1).write_text("feature { name")
    with pytest.raises(TandemError, match="SCHEMA-001"):
        kept.read(1)
