"""Plans that contradict themselves are refused before anything runs."""

from __future__ import annotations

import pytest

from pipeline.config.model import CategoricalFeature, Cross, NumericFeature, TimestampFeature
from transforms.tabular.layout import parse

FEATURES = {
    "color": CategoricalFeature(),
    "shape": CategoricalFeature(),
    "price": NumericFeature(),
    "raw_price": NumericFeature(buckets=0),
    "time": TimestampFeature(parts=["hour"]),
}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["color", "sise"], "Received: 'sise'"),
        (["color", "time"], "as `column.part`"),
        (["color", "time.year"], "Received: 'time.year'"),
        (["color", "raw_price"], "buckets=0"),
        (["color", "color"], "different columns"),
    ],
)
def test_a_cross_of_impossible_columns_is_refused(planner, columns, message):
    with pytest.raises(ValueError, match=message):
        parse(planner(FEATURES, [Cross(columns=columns)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "ranking"}, "task='ranking'"),
        ({"weight_column": "price"}, "weight='price'"),
        ({"label": {"column": "color", "classes": []}}, "label='color'"),
        ({"features": {"x": {"kind": "image", "wide": True, "deep": True}}}, "kind='image'"),
        ({"features": {"x": {"kind": "numeric", "wide": True, "deep": True}}}, "KeyError"),
        ({"model": {}}, "KeyError"),
    ],
)
def test_a_plan_with_a_wrong_section_is_refused(planner, change, message):
    with pytest.raises(ValueError, match=message):
        parse(planner(FEATURES) | change)


def test_the_same_cross_twice_is_refused(planner):
    cross = Cross(columns=["color", "shape"])
    with pytest.raises(ValueError, match="color_x_shape"):
        parse(planner(FEATURES, [cross, cross]))


def test_an_embedding_without_buckets_is_refused(planner):
    with pytest.raises(ValueError, match="embedding_dim=3"):
        parse(planner({"price": NumericFeature(buckets=0, embedding_dim=3)}))


def test_a_plan_that_feeds_no_part_of_the_model_is_refused(planner):
    with pytest.raises(ValueError, match="at least one feature"):
        parse(planner({"color": CategoricalFeature(wide=False, deep=False)}))


def test_work_that_no_enabled_part_uses_is_left_out(planner):
    features = FEATURES | {"only_crossed": CategoricalFeature(wide=False, deep=False)}
    crosses = [Cross(columns=["color", "only_crossed"])]
    layout = parse(planner(features, crosses, wide={"enabled": False}))
    assert layout.crosses == ()
    assert layout.wide == ()
    assert layout.bucketed == ()
    assert [column.name for column in layout.vocabularies] == ["color", "shape"]
