"""Named experiments: typed, frozen, the same after a round trip through text, and comparable."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from pipeline.config import diff, dump, parse
from pipeline.config.text import render
from pipeline.experiments import base, describe, experiment, names, with_experiment
from trainer.errors import TandemError
from trainer.spec import ModelSpec, TrainSpec

DATA = {
    "seq2seq": "label: {column: there, units: characters}\n"
    "features: {here: {kind: text, units: characters}}\n"
    "gate: {rules: [{metric: wer, max: 0.5}]}\n",
    "language_model": "label: {column: text, units: words}\nfeatures: {}\n"
    "gate: {rules: [{metric: perplexity, max: 90}]}\n",
}


def written(name: str, more: str = "") -> str:
    """A config upon an experiment."""
    task = describe(name).task
    return f"name: pairs\ntask: {task}\nexperiment: {name}\ndata: {{path: pairs.csv}}\n{DATA[task]}{more}"


def holds(values: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(
        holds(value, whole[key]) if isinstance(value, dict) else whole[key] == value
        for key, value in values.items()
    )


@pytest.mark.parametrize("name", names())
def test_an_experiment_is_a_valid_config_and_stays_the_same_through_text(name: str) -> None:
    config = parse(written(name))
    assert holds(base(name), config.model_dump(mode="json"))
    assert parse(dump(config)) == config
    assert diff(config, parse(dump(config))) == []


@pytest.mark.parametrize("name", names())
def test_the_trainer_takes_the_values_as_they_are(name: str) -> None:
    values = base(name)
    model, train = ModelSpec.from_json(values["model"]), TrainSpec.from_json(values["train"])
    assert model.sequence is not None
    assert train.sequence is not None
    assert yaml.safe_load(render(values)) == values


def test_the_values_of_a_file_stand_above_those_of_its_experiment() -> None:
    config = parse(written("attention_rnn", "model: {sequence: {dropout: 0.2, encoder: {layers: 3}}}\n"))
    plain = parse(written("attention_rnn"))
    assert [(change.path, change.old, change.new) for change in diff(plain, config)] == [
        ("model.sequence.encoder.layers", 2, 3),
        ("model.sequence.dropout", 0.3, 0.2),
    ]


def test_what_a_caller_changes_does_not_reach_the_register() -> None:
    base("attention_rnn")["model"]["sequence"]["encoder"]["units"] = 1
    assert base("attention_rnn")["model"]["sequence"]["encoder"]["units"] == 256
    with pytest.raises(dataclasses.FrozenInstanceError):
        describe("attention_rnn").name = "other"  # type: ignore[misc]


def test_every_experiment_says_what_it_is_and_where_it_comes_from() -> None:
    assert len(names()) >= 9
    for name in names():
        entry = describe(name)
        assert "arXiv:" in entry.paper
        assert entry.summary.endswith(".")
        assert name == entry.name


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(TandemError, match=r"CONFIG-020.*'atention_rnn'.*`attention_rnn`"):
        base("atention_rnn")


def test_names_are_given_once_and_values_lie_where_they_belong() -> None:
    def attention_rnn() -> dict[str, Any]:
        """Another one."""
        return {}

    def elsewhere() -> dict[str, Any]:
        """Sets more than a model."""
        return {"data": {}}

    with pytest.raises(ValueError, match="name=attention_rnn"):
        experiment("seq2seq", "none")(attention_rnn)
    with pytest.raises(ValueError, match="data"):
        experiment("seq2seq", "none")(elsewhere)
    assert "elsewhere" not in names()


def test_a_written_config_is_built_upon_an_experiment() -> None:
    text = written("attention_rnn").replace("experiment: attention_rnn\n", "")
    text += "\ntrain:\n  epochs: 3\n  seed: 2\n\n# Every rule must hold.\ncheck: {min_rows: 5}\n"
    built = with_experiment(text, "attention_rnn_small")
    assert "epochs" not in built
    assert "min_rows: 5" in built
    config = parse(built)
    assert config.experiment == "attention_rnn_small"
    assert config.train.epochs == 10
    with pytest.raises(TandemError, match=r"CONFIG-021.*seq2seq.*language_model_lstm"):
        with_experiment(text, "language_model_lstm")


def tandem(*arguments: str) -> tuple[int, str, str]:
    child = "import sys; from pipeline.cli import main; sys.argv[0] = 'tandem'; main()"
    done = subprocess.run(
        [sys.executable, "-c", child, "experiments", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_commands_list_show_and_compare() -> None:
    status, output, _ = tandem("list", "--json")
    assert status == 0
    assert [entry["name"] for entry in json.loads(output)] == names()
    status, output, _ = tandem("show", "transformer_base")
    assert status == 0
    assert yaml.safe_load(output) == base("transformer_base")
    status, output, _ = tandem("diff", "attention_rnn", "attention_rnn_int8")
    assert (status, output) == (0, "model.sequence.quantisation: None -> aware\n")
    status, _, told = tandem("show", "transformer_bas")
    assert status == 2
    assert "`transformer_base`" in told
