"""The transform graph as a whole: outputs, sizes, batches, serving without a label."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.util import udf_utils

from transforms import tabular


def test_outputs_have_the_promised_types_and_shapes(shop, odd):
    assert {name: (value.dtype.name, value.shape) for name, value in shop.outputs.items()} == {
        "wide_ids": ("int64", (12, len(shop.spec["wide"]))),
        "deep_ids": ("int64", (12, len(shop.spec["deep"]))),
        "dense": ("float32", (12, len(shop.spec["dense"]))),
        "label": ("float32", (12,)),
    }
    assert odd.outputs["label"].dtype == np.int64
    assert "wide_ids" not in odd.outputs


def test_label_and_weight_pass_through(shop, odd):
    assert shop.outputs["label"].tolist() == list(shop.table["label"])
    assert odd.outputs["label"].tolist() == list(odd.table["label"])
    assert odd.outputs["weight"].tolist() == list(odd.table["share"])


def test_ids_stay_within_the_sizes_of_the_specification(shop, odd):
    strange = {
        "string": ["\x00", "red", None, "", "\udcff".encode("utf-8", "surrogateescape"), "🙂", "a" * 10_000],
        "float": [float("nan"), float("inf"), -float("inf"), 0.0, None, 1e38, -1e38],
        "int64": [-(2**63), 2**63 - 1, 0, -1, None, 1, -(2**62)],
    }
    for fitted in (shop, odd):
        outputs = fitted.apply({name: strange[kind] for name, kind in fitted.types.items()})
        for part in ("wide", "deep"):
            if fitted.spec[part]:
                sizes = [column["size"] for column in fitted.spec[part]]
                assert (outputs[f"{part}_ids"] >= 0).all()
                assert (outputs[f"{part}_ids"] < sizes).all()


def test_a_row_is_transformed_alike_in_any_batch(shop):
    for row in range(12):
        alone = shop.apply({name: [values[row]] for name, values in shop.table.items()})
        for name, value in shop.outputs.items():
            np.testing.assert_array_equal(alone[name][0], value[row])


def test_features_are_equal_without_the_label(shop, graph_output):
    served = shop.apply({name: values for name, values in shop.table.items() if name != "label"})
    features = {name: value for name, value in shop.outputs.items() if name != "label"}
    for name, value in features.items():
        np.testing.assert_array_equal(served[name], value)
    raw = {name: _sparse(values, shop.types[name]) for name, values in shop.table.items() if name != "label"}
    by_library = graph_output.transform_raw_features(raw, drop_unused_features=True)
    assert set(by_library) == set(features)
    for name, value in features.items():
        np.testing.assert_array_equal(by_library[name].numpy(), value)


def _sparse(values, kind):
    dtype = {"string": tf.string, "float": tf.float32, "int64": tf.int64}[kind]
    rows = [row for row, value in enumerate(values) if value is not None]
    indices = np.array([(row, 0) for row in rows], np.int64).reshape(-1, 2)
    return tf.SparseTensor(indices, tf.constant([values[row] for row in rows], dtype), (len(values), 1))


def test_an_unknown_or_dense_column_is_refused(planner):
    from pipeline.config.model import CategoricalFeature, NumericFeature

    config = {"plan": json.dumps(planner({"x": NumericFeature()}))}
    with pytest.raises(ValueError, match="'x' in the examples"):
        tabular.preprocessing_fn({}, config)
    with pytest.raises(ValueError, match="sparse"):
        tabular.preprocessing_fn({"x": tf.zeros([2, 1])}, config)
    config = {"plan": json.dumps(planner({"x": CategoricalFeature()}))}
    with pytest.raises(ValueError, match="string values in column 'x'"):
        tabular.preprocessing_fn({"x": _sparse([1.0], "float")}, config)


def test_the_component_finds_the_function_by_its_path():
    path = "transforms.tabular.preprocessing_fn"
    found = udf_utils.get_fn({"preprocessing_fn": path}, "preprocessing_fn")
    assert found is tabular.preprocessing_fn
    assert pickle.loads(pickle.dumps(found)) is found
