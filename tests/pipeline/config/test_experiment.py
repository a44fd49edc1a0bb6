"""Values of an experiment stand below those of the file that names it."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from pipeline.config import ConfigError, dump, parse
from pipeline.config.merge import added, merged

TEXT = """
name: words
experiment: quick
label: {column: phones}
data: {path: rows.csv}
features: {word: {kind: text, units: letters}}
train: {epochs: 3}
gate: {rules: [{metric: wer, better_than: prior}]}
"""
BASE = {
    "task": "seq2seq",
    "label": {"units": "tokens"},
    "model": {"sequence": {"embedding": 32, "encoder": {"units": 64}}},
    "train": {"epochs": 1, "seed": 7},
}


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A registry of one experiment, in place of the real one."""
    known: dict[str, Any] = {"quick": BASE}
    module = types.ModuleType("pipeline.experiments")
    module.base = known.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pipeline.experiments", module)
    return known


def test_the_file_wins_and_the_experiment_fills() -> None:
    config = parse(TEXT)
    assert (config.task, config.label.units, config.train.epochs, config.train.seed) == (
        "seq2seq", "tokens", 3, 7,
    )  # fmt: skip
    assert config.model.sequence is not None
    assert (config.model.sequence.encoder.units, config.model.sequence.decoder.units) == (64, 256)


def test_overrides_stand_above_both_and_may_name_the_experiment(registry: dict[str, Any]) -> None:
    registry["other"] = {**BASE, "train": {"seed": 9}}
    assert parse(TEXT, ["train.epochs=2"]).train.epochs == 2
    assert parse(TEXT, ["train.seed=8"]).train.seed == 8
    assert parse(TEXT, ["experiment=other"]).train.seed == 9


def test_the_written_config_holds_the_result(registry: dict[str, Any]) -> None:
    config = parse(TEXT)
    text = dump(config)
    registry["quick"] = {"train": {"seed": 1}}
    assert parse(text) == config


def test_a_wrong_value_of_an_experiment_names_it(registry: dict[str, Any]) -> None:
    registry["quick"] = {**BASE, "train": {"seed": -1}}
    with pytest.raises(ConfigError) as caught:
        parse(TEXT)
    assert "train.seed (experiment quick): expected integer >= 0" in caught.value.message


def test_mappings_of_another_kind_are_not_mixed() -> None:
    assert merged({"a": {"kind": "x", "b": 1}}, {"a": {"kind": "y"}}) == {"a": {"kind": "y"}}
    assert merged({"a": {"kind": "x", "b": 1}}, {"a": {"c": 2}}) == {"a": {"kind": "x", "b": 1, "c": 2}}
    assert merged({"a": [1, 2]}, {"a": [3]}) == {"a": [3]}
    assert added({"a": {"b": 1}, "c": 2}, {"a": 3}) == [("c",)]
