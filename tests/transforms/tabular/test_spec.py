"""The feature specification of a fitted graph."""

from __future__ import annotations

import json
from pathlib import Path

from transforms import tabular


def test_columns_are_named_in_the_order_of_the_outputs(shop):
    assert [column["name"] for column in shop.spec["wide"]] == [
        *("color", "city", "price.bucket", "time.hour", "time.weekday", "time.year"),
        *("city_x_brand", "color_x_price_x_time.hour"),
    ]
    assert [(column["name"], column["dim"]) for column in shop.spec["deep"]] == [
        *(("color", 6), ("city", None), ("brand", None), ("price.bucket", 4), ("city_x_brand", 5)),
    ]
    assert shop.spec["dense"] == ["price", "income", "price.missing", "income.missing"]


def test_task_raw_types_and_weight_follow_the_plan(shop, odd):
    assert (shop.spec["task"], shop.spec["num_classes"], shop.spec["classes"]) == ("binary", 1, ["no", "yes"])
    assert (odd.spec["num_classes"], odd.spec["classes"]) == (3, ["x", "y", "z"])
    assert (shop.spec["weight"], odd.spec["weight"]) == (False, True)
    assert shop.spec["raw"] == {name: kind for name, kind in shop.types.items() if name != "label"}


def test_vocabulary_files_exist_and_columns_refer_to_them(shop):
    assert set(shop.spec["vocabulary_files"]) == {"color"}
    assert (Path(shop.directory) / shop.spec["vocabulary_files"]["color"]).is_file()
    assert [column["vocabulary"] for column in shop.spec["wide"]][:3] == ["color", None, None]


def test_it_is_plain_json_and_takes_the_plan_as_text(shop):
    spec = tabular.feature_spec(shop.directory, json.dumps(shop.plan))
    assert json.loads(json.dumps(spec)) == shop.spec


def test_encodings_name_what_ids_and_dense_inputs_are_made_of(shop):
    made = tabular.encodings(shop.plan)
    assert "color" not in made
    assert set(made) == {
        *(c["name"] for c in [*shop.spec["wide"], *shop.spec["deep"]] if c["vocabulary"] is None),
        *(f"dense/{name}" for name in shop.spec["dense"] if not name.endswith(".missing")),
    }
    assert tabular.encodings(json.dumps(shop.plan)) == made


def test_another_making_shows_in_the_encoding_of_the_column_and_of_its_crosses(shop):
    made = tabular.encodings(shop.plan)

    def changed(feature: str, **values: object) -> set[str]:
        features = {**shop.plan["features"], feature: {**shop.plan["features"][feature], **values}}
        other = tabular.encodings({**shop.plan, "features": features})
        return {name for name in {**made, **other} if made.get(name) != other.get(name)}

    buckets = shop.plan["features"]["price"]["buckets"]
    assert changed("price", buckets=buckets + 1) == {"price.bucket", "color_x_price_x_time.hour"}
    assert changed("price", scale="none") == {"dense/price"}
    # A cross takes the text itself, so it does not see how many buckets its column has alone.
    assert changed("city", hash_buckets=99) == {"city"}
    assert changed("color", min_count=7) == set()
