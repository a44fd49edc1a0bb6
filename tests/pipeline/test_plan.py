"""A config as the plain arguments of the steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import plan
from pipeline.config import Config, ConfigError, parse

TEXT = """
name: flights
task: binary
label: {column: late, classes: [0, 1]}
data: {path: rows.csv, keep: [origin], weight_column: w}
features:
  carrier: {kind: categorical, min_count: 3}
  distance: {kind: numeric}
  time: {kind: timestamp}
crosses: [{columns: [carrier, time.hour]}]
evaluate: {slices: [[origin], [origin, carrier]]}
gate: {rules: [{metric: auc, min: 0.5, slices: [origin]}]}
"""


@pytest.fixture
def config() -> Config:
    return parse(TEXT)


def test_the_transform_plan_is_what_the_transform_reads(config: Config) -> None:
    made = plan.transform_plan(config)
    assert set(made) == {"task", "label", "weight_column", "features", "crosses", "model"}
    assert made["features"]["carrier"]["min_count"] == 3
    assert made["label"] == {"column": "late", "classes": ["0", "1"]}
    assert json.loads(json.dumps(made)) == made


def test_the_transform_plan_changes_only_with_what_the_transform_uses(config: Config) -> None:
    made = plan.transform_plan(config)
    assert (
        plan.transform_plan(parse(TEXT, ["model.deep.hidden=[8]", "train.epochs=1", "data.limit=9"])) == made
    )
    assert plan.transform_plan(parse(TEXT, ["features.carrier.min_count=4"])) != made
    assert plan.transform_plan(parse(TEXT, ["model.wide.enabled=false"])) != made


def test_columns_are_stored_by_their_kind(config: Config) -> None:
    assert plan.columns(config) == {
        "carrier": "string", "distance": "float", "late": "int64", "origin": "string", "time": "int64",
        "w": "float",
    }  # fmt: skip


def test_ingest_does_not_depend_on_transforms(config: Config, tmp_path: Path) -> None:
    made = plan.ingest_arguments(config, tmp_path)
    assert made["features"] == {
        "carrier": {"kind": "categorical"}, "distance": {"kind": "numeric"}, "time": {"kind": "timestamp"},
    }  # fmt: skip
    assert made["base_directory"] == str(tmp_path)
    assert plan.ingest_arguments(parse(TEXT, ["features.distance.buckets=3"]), tmp_path) == made


def test_ingest_refuses_a_prepare_step_that_is_not_there(tmp_path: Path) -> None:
    config = parse(TEXT, ["data.path=", "data.prepare=make.py:rows"])
    with pytest.raises(ConfigError, match="CONFIG-005"):
        plan.ingest_arguments(config, tmp_path)


def test_evaluation_and_gate_get_their_parts(config: Config) -> None:
    assert plan.slice_columns(config) == ["origin", "carrier"]
    assert plan.evaluate_arguments(config)["weight_column"] == "w"
    assert plan.gate_arguments(config)["rules"][0]["metric"] == "auc"
    assert plan.train_arguments(config)["train"]["batch_size"] == 512


SEQUENCE = """
name: words
task: seq2seq
label: {column: phones, units: tokens, max_length: 9}
data: {path: rows.csv, keep: [origin]}
features: {word: {kind: text, units: letters}}
evaluate: {slices: [[source_length], [origin]]}
gate: {rules: [{metric: wer, max: 0.5}]}
"""


def test_the_transform_of_a_sequence_is_told_its_units() -> None:
    made = plan.transform_plan(parse(SEQUENCE))
    units = {"vocabulary_size": None, "min_count": 1}
    assert made == {
        "task": "seq2seq",
        "label": {"column": "phones", "units": "tokens", **units, "max_length": 9},
        "weight_column": None,
        "features": {"word": {"kind": "text", "units": "letters", **units, "max_length": 128}},
        "shared": False,
    }
    other = parse(SEQUENCE, ["train.sequence.buckets=3", "model.sequence.embedding=9", "label.missing=error"])
    assert plan.transform_plan(other) == made
    shared = ["model.sequence.shared_embeddings=all", "label.units=letters"]
    assert plan.transform_plan(parse(SEQUENCE, shared))["shared"]
    assert plan.preprocessing(other) == "transforms.text.preprocessing_fn"
    assert plan.preprocessing(parse(TEXT)) == "transforms.tabular.preprocessing_fn"


def test_texts_of_a_sequence_are_columns_of_their_own_kind(tmp_path: Path) -> None:
    from components.ingest.plan import make_plan

    config = parse(SEQUENCE)
    assert plan.columns(config) == {"origin": "string", "phones": "text", "word": "text"}
    assert plan.texts(config) == ["phones", "word"]
    assert plan.texts(parse(TEXT)) == []
    assert plan.slice_columns(config) == ["source_length", "origin"]
    made = plan.ingest_arguments(config, tmp_path)
    stored = make_plan(made["data"], made["label"], made["task"], made["features"])
    assert stored.storage == {"origin": "bytes", "phones": "bytes", "word": "bytes"}
    assert (stored.rule.key, stored.null_values, set(stored.texts)) == (("word",), ("",), {"word", "phones"})


def test_the_plan_is_read_by_the_text_transform() -> None:
    from transforms.text.layout import parse as layout

    read = layout(plan.transform_plan(parse(SEQUENCE)))
    assert (read.target.column, read.target.max_length) == ("phones", 9)
    assert read.source is not None
    assert read.source.units == "letters"


def test_ingest_and_the_transform_accept_the_arguments(config: Config, tmp_path: Path) -> None:
    from components.ingest.plan import make_plan

    made = plan.ingest_arguments(config, tmp_path)
    stored = make_plan(made["data"], made["label"], made["task"], made["features"]).storage
    assert {name: kind.replace("bytes", "string") for name, kind in stored.items()} == plan.columns(config)
