"""The user code of the stock TFX graph: preprocessing and a plain Keras Wide & Deep for the same columns.

What a user of stock TFX would write for the features and crosses of a config: vocabularies, quantile
buckets, hashed crosses, embeddings, Keras' own layers, one Keras optimizer. Both functions are told the
config as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

VOCABULARY = 16_384


def _column(value: Any, default: Any) -> tf.Tensor:
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(
            tf.sparse.SparseTensor(value.indices, value.values, [value.dense_shape[0], 1]), default
        )
    return tf.reshape(value, [-1])


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Ids of categories, buckets and crosses, and scaled numbers with an indicator of missing ones."""
    plan = json.loads(custom_config["plan"])
    outputs: dict[str, tf.Tensor] = {plan["label"]: tf.cast(_column(inputs[plan["label"]], 0), tf.float32)}
    texts: dict[str, tf.Tensor] = {}
    for name, kind in plan["features"].items():
        if kind == "categorical":
            value = inputs[name]
            if value.dtype != tf.string:
                dense = _column(value, tf.constant(-1, value.dtype))
                texts[name] = tf.strings.as_string(tf.cast(dense, tf.int64))
            else:
                texts[name] = _column(value, "")
            outputs[f"id_{name}"] = tft.compute_and_apply_vocabulary(
                texts[name], frequency_threshold=5, num_oov_buckets=1, default_value=-1, vocab_filename=name
            )
        else:
            value = tf.cast(_column(tf.cast(inputs[name], tf.float32), np.nan), tf.float32)
            known = tf.math.is_finite(value)
            filled = tf.where(known, value, tf.zeros_like(value))
            outputs[f"missing_{name}"] = 1.0 - tf.cast(known, tf.float32)
            outputs[f"number_{name}"] = tft.scale_to_z_score(filled)
            bucket = tft.bucketize(filled, 16)
            outputs[f"id_{name}"] = bucket
            texts[name] = tf.strings.as_string(bucket)
    for columns in plan["crosses"]:
        joined = tf.strings.join([texts[name] for name in columns], "|")
        outputs["cross_" + "_".join(columns)] = tf.strings.to_hash_bucket_fast(joined, 4096)
    return outputs


def build(plan: Mapping[str, Any]) -> keras.Model:
    """Wide: a weight for each id and cross. Deep: embeddings and numbers. One logit."""
    inputs: dict[str, Any] = {}
    wide, deep = [], []
    for name, kind in plan["features"].items():
        size = VOCABULARY if kind == "categorical" else 32
        inputs[f"id_{name}"] = keras.Input((1,), name=f"id_{name}", dtype="int64")
        ids = keras.ops.mod(inputs[f"id_{name}"], size)
        wide.append(keras.layers.Flatten()(keras.layers.Embedding(size, 1)(ids)))
        deep.append(keras.layers.Flatten()(keras.layers.Embedding(size, 8 if size > 32 else 4)(ids)))
        if kind != "categorical":
            for part in ("number", "missing"):
                inputs[f"{part}_{name}"] = keras.Input((1,), name=f"{part}_{name}", dtype="float32")
                deep.append(inputs[f"{part}_{name}"])
    for columns in plan["crosses"]:
        name = "cross_" + "_".join(columns)
        inputs[name] = keras.Input((1,), name=name, dtype="int64")
        wide.append(keras.layers.Flatten()(keras.layers.Embedding(4096, 1)(inputs[name])))
    hidden = keras.layers.Concatenate()(deep)
    for units in (128, 64):
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    logit = keras.layers.Add()([keras.layers.Add()(wide), keras.layers.Dense(1)(hidden)])
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(logit))
    model.compile(keras.optimizers.Adagrad(0.05), "binary_crossentropy")
    return model


def run_fn(arguments: Any) -> None:
    """Trains for the epochs of the config and exports with the transform inside."""
    plan = json.loads(arguments.custom_config["plan"])
    transform = tft.TFTransformOutput(arguments.transform_output)
    label = plan["label"]

    def dataset(pattern: Any) -> tf.data.Dataset:
        files = tf.data.Dataset.list_files(pattern)
        records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(plan["batch_size"])
        spec = transform.transformed_feature_spec()

        def parse(batch: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            features = tf.io.parse_example(batch, spec)
            return features, features.pop(label)

        return records.map(parse, num_parallel_calls=2).prefetch(2)

    model = build(plan)
    model.fit(dataset(arguments.train_files), epochs=plan["epochs"], verbose=0)
    layer = transform.transform_features_layer()
    raw = transform.raw_feature_spec()
    raw.pop(label)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = layer(tf.io.parse_example(examples, raw))
        return {"predictions": model({name: tf.reshape(features[name], [-1, 1]) for name in model.input})}

    model.tft_layer = layer
    tf.saved_model.save(model, arguments.serving_model_dir, signatures={"serving_default": serve})
