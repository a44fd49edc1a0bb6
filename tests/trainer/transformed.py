"""A real transform graph with raw examples, and a model for it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import apache_beam as beam
import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from trainer.models import build_wide_deep
from trainer.spec import Column, DeepSpec, FeatureSpec, ModelSpec

RAW = {"carrier": "string", "dep time": "float", "class": "int64"}
MODEL = ModelSpec(deep=DeepSpec(hidden=(8,)))


def preprocessing_fn(inputs: dict[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Vocabulary, buckets, z-score and missing indicators of sparse inputs."""

    def dense(name: str, default: Any) -> tf.Tensor:
        sparse = inputs[name]
        column = tf.SparseTensor(sparse.indices, sparse.values, [sparse.dense_shape[0], 1])
        return tf.squeeze(tf.sparse.to_dense(column, default), 1)

    carrier = tft.compute_and_apply_vocabulary(
        dense("carrier", ""), num_oov_buckets=1, vocab_filename="carrier"
    )
    time = dense("dep time", float("nan"))
    missing = tf.math.is_nan(time)
    filled = tf.where(missing, tf.zeros_like(time), time)
    bucket = tft.bucketize(filled, 4)
    group = tf.math.floormod(dense("class", 0), 5)
    return {
        "wide_ids": tf.stack([carrier, bucket], 1),
        "deep_ids": tf.stack([carrier, group], 1),
        "dense": tf.stack([tft.scale_to_z_score(filled), tf.cast(missing, tf.float32)], 1),
        "label": tf.cast(dense("late", 0), tf.float32),
    }


@dataclasses.dataclass(frozen=True)
class Place:
    """Where things are.

    Args:
        graph: transform graph directory.
        raw: raw examples, with label and a further column.
        transformed: the same rows as the trainer reads them.
        rows: the raw values.
    """

    graph: Path
    raw: Path
    transformed: Path
    rows: list[dict[str, Any]]


def rows(count: int) -> list[dict[str, Any]]:
    """Raw rows, a tenth of each value missing."""
    rng = np.random.default_rng(0)

    def some(value: Any) -> list[Any]:
        return [value] if rng.random() > 0.1 else []

    return [
        {
            "carrier": some(str(rng.choice(["AA", "UA", "DL", "Zürich"])).encode()),
            "dep time": some(float(np.float32(rng.uniform(0, 24)))),
            "class": some(int(rng.integers(-3, 30))),
            "late": [int(rng.integers(0, 2))],
        }
        for _ in range(count)
    ]


def serialize(row: dict[str, Any]) -> bytes:
    """A raw row as `tf.Example`; a missing value is an absent feature."""
    example = tf.train.Example()
    kinds = {bytes: "bytes_list", float: "float_list", int: "int64_list"}
    for name, values in row.items():
        if values:
            getattr(example.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return example.SerializeToString()


def build(root: Path) -> Place:
    """Analyses the rows with tensorflow-transform and writes everything below `root`."""
    kinds = {"carrier": tf.string, "dep time": tf.float32, "class": tf.int64, "late": tf.int64}
    spec = {name: tf.io.VarLenFeature(kind) for name, kind in kinds.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    data = rows(300)
    beam_rows = [{name: values or None for name, values in row.items()} for row in data]
    with (
        beam.Pipeline() as pipeline,
        tft_beam.Context(temp_dir=tempfile.mkdtemp(dir=root), force_tf_compat_v1=False),
    ):
        function = ((pipeline | beam.Create(beam_rows)), metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        function | tft_beam.WriteTransformFn(str(root / "transform_graph"))
    raw = root / "raw.tfrecord"
    with tf.io.TFRecordWriter(str(raw)) as writer:
        for row in data:
            writer.write(serialize({**row, "airport": [b"JFK"]}))
    transformed = root / "transformed.tfrecord"
    layer = tft.TFTransformOutput(str(root / "transform_graph")).transform_features_layer()
    columns = layer(tf.io.parse_example([serialize(row) for row in data], spec))
    with tf.io.TFRecordWriter(str(transformed)) as writer:
        for row_number in range(len(data)):
            example = tf.train.Example()
            for name, values in columns.items():
                part = np.atleast_1d(values[row_number].numpy())
                feature = example.features.feature[name]
                (feature.float_list if part.dtype == np.float32 else feature.int64_list).value.extend(part)
            writer.write(example.SerializeToString())
    return Place(root / "transform_graph", raw, transformed, data)


def features(task: str = "binary") -> FeatureSpec:
    """The specification that fits `preprocessing_fn`."""
    classes = {"binary": ("no", "yes"), "multiclass": ("red", "green", "blue"), "regression": ()}
    return FeatureSpec(
        task=task,
        num_classes=3 if task == "multiclass" else 1,
        classes=classes[task],
        wide=(Column("carrier", 5, vocabulary="carrier"), Column("dep time", 4)),
        deep=(Column("carrier", 5, 3, "carrier"), Column("class", 5, 3)),
        dense=("dep time", "dep time.missing"),
        raw=RAW,
        vocabulary_files={"carrier": "carrier"},
    )


def trained(task: str = "binary", seed: int = 1) -> keras.Model:
    """A model with weights as different from 0 as trained ones."""
    model = build_wide_deep(features(task), MODEL, seed)
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape).astype(np.float32))
    return model
