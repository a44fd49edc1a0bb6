"""Two transform graphs fitted on small tables by the real Beam analysis, shared by all tests here."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio import tensor_adapter, tensor_representation_util

from pipeline.config.model import CategoricalFeature, Cross, Model, NumericFeature, TimestampFeature
from transforms import tabular

Table = Mapping[str, Sequence[Any]]

_ARROW = {"string": pa.binary(), "float": pa.float32(), "int64": pa.int64()}
_SCHEMA = {"string": schema_pb2.BYTES, "float": schema_pb2.FLOAT, "int64": schema_pb2.INT}


def make_plan(
    features: Mapping[str, Any],
    crosses: Sequence[Cross] = (),
    task: str = "binary",
    classes: Sequence[str] = ("no", "yes"),
    weight: str | None = None,
    **parts: Any,
) -> dict[str, Any]:
    """The plan as the pipeline dumps it from its configuration."""
    return {
        "task": task,
        "label": {"column": "label", "classes": list(classes), "missing": "drop"},
        "weight_column": weight,
        "features": {name: feature.model_dump(mode="json") for name, feature in features.items()},
        "crosses": [cross.model_dump(mode="json") for cross in crosses],
        "model": Model.model_validate(parts).model_dump(mode="json"),
    }


def record_batch(table: Table, types: Mapping[str, str]) -> pa.RecordBatch:
    """Columns as decoded from examples; None is a missing value, a list holds several values."""
    arrays = []
    for name, kind in types.items():
        cells = [None if v is None else v if isinstance(v, list) else [v] for v in table[name]]
        arrays.append(pa.array(cells, pa.large_list(_ARROW[kind])))
    return pa.RecordBatch.from_arrays(arrays, list(types))


def sparse(values: Sequence[Any], kind: str) -> tf.SparseTensor:
    """One column as the SparseTensor that the transform graph takes."""
    cells = [[] if v is None else v if isinstance(v, list) else [v] for v in values]
    indices = [(row, place) for row, cell in enumerate(cells) for place in range(len(cell))]
    return tf.SparseTensor(
        np.array(indices, np.int64).reshape(-1, 2),
        tf.constant([value for cell in cells for value in cell], tf.as_dtype(_ARROW_TO_TF[kind])),
        (len(cells), max(map(len, cells), default=0)),
    )


_ARROW_TO_TF = {"string": tf.string, "float": tf.float32, "int64": tf.int64}


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A fitted transform graph: its training table, the outputs on it, and the specification."""

    plan: dict[str, Any]
    table: dict[str, Sequence[Any]]
    types: dict[str, str]
    directory: str
    outputs: dict[str, np.ndarray]
    spec: dict[str, Any]
    call: Callable[[Mapping[str, Any]], dict[str, Any]]

    def apply(self, table: Table) -> dict[str, np.ndarray]:
        """Runs the saved graph on a table; columns that are not given count as missing."""
        rows = len(next(iter(table.values())))
        raw = {name: sparse(table.get(name, [None] * rows), kind) for name, kind in self.types.items()}
        return {name: tensor.numpy() for name, tensor in self.call(raw).items()}

    def ids(self, part: str, name: str, outputs: Mapping[str, np.ndarray] | None = None) -> list[int]:
        """The ids of one column of `wide_ids` or `deep_ids`."""
        names = [column["name"] for column in self.spec[part]]
        return (outputs or self.outputs)[f"{part}_ids"][:, names.index(name)].tolist()

    def size(self, part: str, name: str) -> int:
        """The number of ids of one column."""
        return next(column["size"] for column in self.spec[part] if column["name"] == name)

    def dense(self, name: str, outputs: Mapping[str, np.ndarray] | None = None) -> list[float]:
        """One column of the dense inputs."""
        return (outputs or self.outputs)["dense"][:, self.spec["dense"].index(name)].tolist()


def fit(plan: dict[str, Any], table: dict[str, Sequence[Any]], types: dict[str, str], path: Path) -> Fitted:
    """Analyses and transforms a table in two uneven batches, as the Transform component does."""
    schema = schema_pb2.Schema()
    for name, kind in types.items():
        schema.feature.add(name=name, type=_SCHEMA[kind])
    whole = record_batch(table, types)
    config = tensor_adapter.TensorAdapterConfig(
        whole.schema, tensor_representation_util.InferTensorRepresentationsFromSchema(schema)
    )
    batches = [whole.slice(0, 5), whole.slice(5)]

    def preprocessing(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return tabular.preprocessing_fn(inputs, {"plan": json.dumps(plan)})

    directory = str(path / "graph")
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(path / "temp")):
        transform_fn = (
            pipeline | beam.Create(batches, reshuffle=False),
            config,
        ) | tft_beam.AnalyzeDataset(preprocessing)
        _ = transform_fn | tft_beam.WriteTransformFn(directory)
    function = tf.saved_model.load(str(path / "graph" / "transform_fn")).transform_fn
    fitted = Fitted(plan, table, types, directory, {}, tabular.feature_spec(directory, plan), function)
    return dataclasses.replace(fitted, outputs=fitted.apply(table))


def seconds(*parts: int) -> int:
    """UTC epoch seconds of a civil time."""
    return int(datetime.datetime(*parts, tzinfo=datetime.UTC).timestamp())


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A binary task with every kind of feature: 12 rows."""
    table: dict[str, Sequence[Any]] = {
        "color": ["red"] * 5 + ["blue"] * 3 + ["green", "b\tl\\ue\n", None, ""],
        "city": ["a", "ab", "a", "ab", "b", "c", "d", "e", "f", "a", None, "ab"],
        "brand": ["bc", "c", "c", "bc", None, "x", "y", "z", "bc", None, None, "c"],
        "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, None, float("inf")],
        "income": [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, None, None, None, float("nan")],
        "time": [seconds(2013, 1, 1, 5, 15), seconds(1969, 12, 31, 23, 59, 59), None, *[0] * 9],
        "label": [0, 1] * 6,
    }
    types = {
        "color": "string",
        "city": "string",
        "brand": "string",
        "price": "float",
        "income": "float",
        "time": "int64",
        "label": "int64",
    }
    plan = make_plan(
        {
            "color": CategoricalFeature(min_count=2, oov_buckets=3, embedding_dim=6),
            "city": CategoricalFeature(encode="hash", hash_buckets=50),
            "brand": CategoricalFeature(encode="hash", hash_buckets=50, wide=False),
            "price": NumericFeature(quantiles=5, buckets=2, embedding_dim=4),
            "income": NumericFeature(scale="zscore", buckets=0),
            "time": TimestampFeature(parts=["hour", "weekday", "year"], deep=False),
        },
        crosses=[
            Cross(columns=["city", "brand"], hash_buckets=1_000_003, embedding_dim=5),
            Cross(columns=["color", "price", "time.hour"], hash_buckets=1_000_003),
        ],
    )
    return fit(plan, table, types, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """A multiclass task on awkward columns: constant, without values, rare, skewed; 8 rows."""
    table: dict[str, Sequence[Any]] = {
        "unseen": [None] * 8,
        "rare": list("abcdefgh"),
        "top": ["p", "q", "p", "q", "p", "r", "r", "s"],
        "several": [["u", "v"], "v", ["v", "u", "u"], None, "u", "v", "v", "v"],
        "blank": [None] * 8,
        "blank_score": [None] * 8,
        "constant": [3.5] * 8,
        "constant_score": [3.5] * 8,
        "skewed": [0.0, 1.0, -1.0, 3.0, -3.0, None, 7.0, -7.0],
        "plain": [1.0, 3.0, None, 2.0, 2.0, 2.0, 2.0, 2.0],
        "share": [0.5, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0],
        "label": [0, 2, 1, 0, 1, 2, 0, 1],
    }
    types = dict.fromkeys(("unseen", "rare", "top", "several"), "string")
    types |= dict.fromkeys(list(table)[4:-1], "float") | {"label": "int64"}
    categorical = CategoricalFeature(min_count=2, wide=False)
    plan = make_plan(
        {
            "unseen": categorical,
            "rare": categorical.model_copy(update={"min_count": 5, "oov_buckets": 2}),
            "top": categorical.model_copy(update={"max_size": 2, "min_count": 1}),
            "several": categorical,
            "blank": NumericFeature(buckets=3, embedding_dim=2),
            "blank_score": NumericFeature(scale="zscore"),
            "constant": NumericFeature(quantiles=4, buckets=4, embedding_dim=2, missing_indicator=False),
            "constant_score": NumericFeature(scale="log_zscore"),
            "skewed": NumericFeature(scale="log_zscore"),
            "plain": NumericFeature(scale="none"),
        },
        task="multiclass",
        classes=["x", "y", "z"],
        weight="share",
        wide={"enabled": False},
    )
    return fit(plan, table, types, tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="session")
def planner() -> Callable[..., dict[str, Any]]:
    """Builds plans from configuration models."""
    return make_plan


@pytest.fixture(scope="session")
def graph_output(shop: Fitted) -> tft.TFTransformOutput:
    """The transform graph of `shop`, as the TFX libraries read it."""
    return tft.TFTransformOutput(shop.directory)
