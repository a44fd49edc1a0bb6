"""A config as text, and back."""

from __future__ import annotations

from typing import Any

import hypothesis
import yaml
from hypothesis import strategies as st

from pipeline.config import Config, diff, dump, parse
from pipeline.config.text import one_line

BASE: dict[str, Any] = {
    "name": "rows",
    "task": "binary",
    "label": {"column": "y", "classes": ["no", "1e3"]},
    "data": {"path": "rows.csv"},
    "features": {"x": {"kind": "numeric"}},
    "gate": {"rules": [{"metric": "auc", "min": 0.5}]},
}

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
awkward = st.sampled_from(
    ["yes", "null", "~", "2013-10-01", "1e-6", "0x1F", "010", "<<", "a: b", "# c", "'", "\x85", " x"]
)
names = st.one_of(text, awkward)
features = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("categorical")},
        optional={
            "min_count": st.integers(1, 9),
            "encode": st.just("hash"),
            "embedding_dim": st.integers(1, 4),
        },
    ),
    st.fixed_dictionaries(
        {"kind": st.just("numeric")},
        optional={
            "scale": st.just("zscore"),
            "missing_indicator": st.booleans(),
            "quantiles": st.integers(2, 99),
        },
    ),
    st.fixed_dictionaries({"kind": st.just("timestamp")}, optional={"parts": st.just(["week", "year"])}),
)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    columns = draw(st.dictionaries(names, features, min_size=1, max_size=5))
    columns = {name: value for name, value in columns.items() if name != "y"} or {"x": {"kind": "numeric"}}
    keep = draw(
        st.lists(names.filter(lambda name: name not in columns and name != "y"), unique=True, max_size=2)
    )
    classes = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    rule = {"metric": "auc", "min": draw(finite)}
    rate = draw(st.floats(1e-300, 1e300))
    data = {"path": draw(text.filter(lambda path: not set(path) & set("{}"))), "keep": keep}
    values = {
        **BASE,
        "label": {"column": "y", "classes": classes},
        "features": columns,
        "data": data | {"null_values": draw(st.lists(names, max_size=3))},
        "gate": {"rules": [rule]},
        "evaluate": {"slices": [[name] for name in keep]},
        "model": {
            "wide": {"learning_rate": rate},
            "deep": {"hidden": draw(st.lists(st.integers(1, 512), max_size=3))},
        },
        "train": {"class_weights": draw(st.sampled_from([None, "balanced", {classes[0]: 2.0}]))},
    }
    try:
        return Config.model_validate(values)
    except ValueError:
        hypothesis.reject()


@hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(configs())
def test_text_reads_back_to_the_same_config(config: Config) -> None:
    assert parse(dump(config)) == config
    assert parse(dump(config, defaults=False)) == config


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(
    st.recursive(
        st.one_of(names, st.integers(-(2**63), 2**63 - 1), finite, st.booleans(), st.none()),
        st.lists,
        max_leaves=5,
    )
)
def test_one_line_is_one_line_and_reads_back(value: Any) -> None:
    from pipeline.config.reader import read_value

    line = one_line(value)
    assert "\n" not in line
    assert read_value(line) == value


def test_ambiguous_text_is_quoted_for_readers_of_either_yaml_version() -> None:
    values = yaml.safe_load(dump(Config.model_validate(BASE)))
    assert values["label"]["classes"] == ["no", "1e3"]


def test_text_without_defaults_holds_only_what_was_said() -> None:
    config = Config.model_validate({**BASE, "train": {"epochs": 3.0}})
    assert yaml.safe_load(dump(config, defaults=False)) == {**BASE, "train": {"epochs": 3.0}}


def test_text_without_defaults_keeps_a_default_that_the_experiment_would_change() -> None:
    text = """
name: words
task: seq2seq
experiment: attention_rnn_small
label: {column: spoken, units: words}
features: {written: {kind: text, units: characters}}
data: {path: pairs.csv}
model: {sequence: {dropout: 0.2, encoder: {units: 256}, decoding: {beam: 8}}}
train: {epochs: 10, weight_averaging: 0.0}
gate: {rules: [{metric: wer, max: 0.5}]}
"""
    config = parse(text)
    assert parse(dump(config, defaults=False)) == config
    assert "units: 256" in dump(config, defaults=False)


def test_text_without_defaults_keeps_a_default_that_the_task_would_change() -> None:
    text = """
name: words
task: language_model
label: {column: text, units: words}
features: {}
data: {path: rows.csv, null_values: ["", "null", "NULL", "None", "NA", "N/A", "NaN", "nan"]}
gate: {rules: [{metric: perplexity, max: 50}]}
push: {equality_tolerance: 1e-6}
"""
    config = parse(text)
    assert parse(dump(config, defaults=False)) == config
    assert config.push.equality_tolerance == 1e-6


def test_a_feature_stands_on_one_line() -> None:
    lines = dump(Config.model_validate(BASE), defaults=False).splitlines()
    assert "  x: {kind: numeric}" in lines
    assert "  - {metric: auc, min: 0.5}" in lines


def test_a_difference_names_the_path_and_both_values() -> None:
    old = Config.model_validate(BASE)
    new = parse(
        dump(old),
        ["train.epochs=2", "features.z={kind: numeric}", "model.deep.hidden=[8]", "gate.rules.0.min=1"],
    )
    found = {change.path: (change.old, change.new) for change in diff(old, new)}
    assert found.pop("features.z") == (None, new.features["z"].model_dump(mode="json"))
    assert found == {
        "train.epochs": (5.0, 2.0),
        "model.deep.hidden": ([128, 64], [8]),
        "gate.rules.0.min": (0.5, 1.0),
    }
    assert diff(old, old) == []


def test_a_feature_of_another_kind_is_one_difference() -> None:
    old = Config.model_validate(BASE)
    new = Config.model_validate({**BASE, "features": {"x": {"kind": "categorical"}}})
    assert [change.path for change in diff(old, new)] == ["features.x"]
