"""Quantile codes, scores, buckets and missing numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from transforms.tabular import numeric
from transforms.tabular.layout import Numeric


def test_quantile_scale_is_the_index_of_the_quantile_over_its_greatest(shop):
    # Ten numbers in five quantiles: two in each, scaled (i - 1) / 4.
    assert shop.dense("price")[:10] == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1]


def test_numbers_outside_of_the_training_range_fall_in_the_outer_quantiles(shop):
    outputs = shop.apply({"price": [-1e30, 1e30]})
    assert shop.dense("price", outputs) == [0, 1]
    assert shop.ids("wide", "price.bucket", outputs) == [0, 1]


def test_missing_and_infinite_numbers_are_neutral_and_flagged(shop):
    assert shop.dense("price")[10:] == [0.5, 0.5]
    assert shop.dense("price.missing") == [0] * 10 + [1, 1]
    assert shop.dense("income.missing") == [0] * 8 + [1] * 4


def test_buckets_halve_the_numbers_and_missing_has_the_last_id(shop):
    expected = [0] * 5 + [1] * 5 + [2, 2]
    assert shop.ids("wide", "price.bucket") == expected
    assert shop.ids("deep", "price.bucket") == expected
    assert shop.size("wide", "price.bucket") == 3


def test_zscore_uses_mean_and_deviation_of_the_present_numbers(shop):
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, population deviation 2.
    assert shop.dense("income") == [-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2, 0, 0, 0, 0]


def test_log_zscore_is_odd_and_scaled_by_the_deviation_of_the_logarithms(odd):
    # sign(x) log(1 + |x|) is 0, +-log 2, +-2 log 2, +-3 log 2: mean 0, deviation 2 log 2.
    expected = [0, 0.5, -0.5, 1, -1, 0, 1.5, -1.5]
    assert odd.dense("skewed") == pytest.approx(expected, abs=1e-6)


def test_unscaled_numbers_pass_and_missing_becomes_their_mean(odd):
    assert odd.dense("plain") == [1, 3, 2, 2, 2, 2, 2, 2]


def test_a_column_without_values_is_neutral_and_stays_finite_when_values_come(odd):
    assert odd.dense("blank") == [0.5] * 8
    assert odd.dense("blank_score") == [0] * 8
    assert odd.ids("deep", "blank.bucket") == [3] * 8
    outputs = odd.apply({"blank": [-5.0, 5.0], "blank_score": [-5.0, 5.0]})
    assert np.isfinite(outputs["dense"]).all()
    assert all(0 <= i < 3 for i in odd.ids("deep", "blank.bucket", outputs))


def test_a_constant_column_has_no_spread(odd):
    assert odd.dense("constant_score") == [0] * 8
    assert len(set(odd.dense("constant"))) == 1
    assert all(0 <= i < 4 for i in odd.ids("deep", "constant.bucket"))


def scored_by_batches(columns, scale, new, directory):
    """Scores of `new` rows after an analysis of `columns` in seven batches."""
    width, rows = len(columns), len(columns[0])
    specs = [Numeric(f"x{i}", scale, 2, 0, True, False) for i in range(width)]
    features = schema_utils.schema_from_feature_spec({"x": tf.io.FixedLenFeature([width], tf.float32)})
    metadata = dataset_metadata.DatasetMetadata(features)
    table = [{"x": row} for row in np.stack(columns, axis=1).astype(np.float32)]
    with tft_beam.Context(temp_dir=str(directory), desired_batch_size=rows // 7):
        graph = (table, metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: {"scores": numeric.scaled(inputs["x"], specs)}
        )
        given = [{"x": np.full(width, value, np.float32)} for value in new]
        made, _ = ((given, metadata), graph) | tft_beam.TransformDataset()
        return np.stack([row["scores"] for row in made])


@pytest.mark.parametrize("scale", ["zscore", "log_zscore"])
def test_a_constant_in_many_batches_has_no_spread(scale, tmp_path):
    constants = (0.1, 7.3, 3.5, -1e6 - 0.3, 1e-30)
    columns = [np.full(1001, constant) for constant in constants]
    assert (scored_by_batches(columns, scale, [*constants, 0.2, 5.0], tmp_path) == 0).all()


def test_a_spread_that_is_small_beside_the_mean_is_kept(tmp_path):
    # Neighbours of 2**20 in float32: mean 2**20, deviation 1/8.
    pair = [2.0**20 - 0.125, 2.0**20 + 0.125]
    scores = scored_by_batches([np.repeat(pair, 700)], "zscore", pair, tmp_path)
    assert scores.ravel() == pytest.approx([-1, 1])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 3.4e38, -3.4e38, 1e-45])
def test_every_float_gives_finite_inputs(shop, odd, number):
    for fitted in (shop, odd):
        floats = [name for name, kind in fitted.types.items() if kind == "float"]
        outputs = fitted.apply({name: [number] for name in floats})
        assert np.isfinite(outputs["dense"]).all()
