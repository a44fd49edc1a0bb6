"""Configs of sequence tasks: what they are filled with, and what they refuse."""

from __future__ import annotations

import re

import pytest

from pipeline.config import Config, ConfigError, dump, parse
from pipeline.config.complete import complete

PAIRS = """
name: words
task: seq2seq
label: {column: phones, units: tokens}
data: {path: rows.csv, keep: [origin]}
features: {word: {kind: text, units: letters}}
gate: {rules: [{metric: wer, better_than: prior}]}
"""
TEXTS = """
name: prose
task: language_model
label: {column: text, units: subwords}
data: {path: rows.csv}
gate: {rules: [{metric: perplexity, better_than: prior}]}
"""
TABLE = """
name: flights
task: binary
label: {column: late, classes: [0, 1]}
data: {path: rows.csv}
features: {carrier: {kind: categorical}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


def wrong(text: str, *overrides: str) -> set[str]:
    with pytest.raises(ConfigError, match="CONFIG-004") as caught:
        parse(text, overrides)
    return {re.split(r"[ :]", problem.text())[0] for problem in caught.value.problems}


def test_a_sequence_task_tells_all_of_its_defaults() -> None:
    config = parse(PAIRS)
    assert config.model.sequence is not None
    assert config.train.sequence is not None
    assert config.model.sequence.decoding.beam == 8
    assert config.data.null_values == [""]
    assert config.data.split.key == ["word"]
    assert "batch_tokens: 4096" in dump(config)
    assert parse(TEXTS).data.split.key == ["text"]


def test_a_table_has_no_sequence_and_keeps_its_own_defaults() -> None:
    config = parse(TABLE)
    assert (config.model.sequence, config.train.sequence) == (None, None)
    assert "null" in config.data.null_values
    assert config.data.split.key == []


def test_what_is_given_stays() -> None:
    given = ["data.null_values=[x]", "data.split.key=[origin]", "model.sequence.embedding=5"]
    config = parse(PAIRS, given)
    assert (config.data.null_values, config.data.split.key) == (["x"], ["origin"])
    assert config.model.sequence is not None
    assert (config.model.sequence.embedding, config.model.sequence.dropout) == (5, 0.2)


def test_a_second_task_on_the_way_back_needs_the_same_units_on_both_sides() -> None:
    config = parse(PAIRS, ["train.sequence.auxiliary.task=reconstruct", "features.word.units=tokens"])
    assert config.label.units == "tokens"


def test_scores_of_sequences_may_differ_by_the_rounding_of_their_sums() -> None:
    assert parse(PAIRS).push.equality_tolerance == parse(TEXTS).push.equality_tolerance == 1e-4
    assert parse(PAIRS, ["push.equality_tolerance=1e-6"]).push.equality_tolerance == 1e-6


def test_completing_leaves_its_argument_alone() -> None:
    values = {"task": "seq2seq", "model": {"sequence": None}, "features": {"word": {}}}
    made = complete(values)
    assert made["model"] == {"sequence": {}}
    assert values == {"task": "seq2seq", "model": {"sequence": None}, "features": {"word": {}}}
    assert complete({"task": "seq2seq", "data": 3})["data"] == 3
    assert complete([1]) == [1]


@pytest.mark.parametrize("text", [PAIRS, TEXTS])
@pytest.mark.parametrize("defaults", [True, False])
def test_text_and_back(text: str, defaults: bool) -> None:
    config = parse(text, ["evaluate.slices=[[source_length]]", "train.sequence.schedule=rsqrt"])
    assert parse(dump(config, defaults)) == config


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("label.units=", "label.units"),
        ("label.units=syllables", "label.units"),
        ("label.classes=[a, b]", "label.classes"),
        ("features.word.units=", "features.word.units"),
        ("features={}", "features"),
        ("features.other={kind: text, units: words}", "features"),
        ("features.other={kind: numeric}", "features.other.kind"),
        ("features.phones={kind: text, units: words}", "features.phones"),
        ("crosses=[{columns: [word, origin]}]", "crosses"),
        ("model.wide.l1=1", "model.wide.l1"),
        ("model.deep.hidden=[8]", "model.deep.hidden"),
        ("model.linear.weight=0.1", "model.linear.weight"),
        ("train.batch_size=8", "train.batch_size"),
        ("train.class_weights=balanced", "train.class_weights"),
        ("train.calibrate=true", "train.calibrate"),
        ("train.learning_rate_decay=cosine", "train.learning_rate_decay"),
        ("train.warm_start=keep", "train.warm_start"),
        ("model.sequence.encoder={kind: transformer, units: 10}", "model.sequence.encoder.heads"),
        ("model.sequence.decoder={kind: transformer, units: 9, heads: 2}", "model.sequence.decoder.heads"),
        ("model.sequence.decoder={kind: transformer, units: 9, heads: 3}", "model.sequence.decoder.units"),
        ("model.sequence.decoder={units: 9, heads: 3}", "model.sequence.decoder.heads"),
        ("model.sequence.decoding.n_best=9", "model.sequence.decoding.n_best"),
        ("model.sequence.decoding.beam=2", "model.sequence.decoding.n_best"),
        ("model.sequence.shared_embeddings=all", "model.sequence.shared_embeddings"),
        ("train.sequence.auxiliary.task=reconstruct", "train.sequence.auxiliary.task"),
        ("model.sequence.dropout=1", "model.sequence.dropout"),
        ("model.sequence.encoder.knd=lstm", "model.sequence.encoder.knd"),
        ("train.sequence.batch_tokens=0", "train.sequence.batch_tokens"),
        ("evaluate.slices=[[word]]", "evaluate.slices.0.0"),
        ("data.keep=[source_length]", "data.keep.0"),
        ("gate.rules.1={metric: log_loss, max: 1}", "gate.rules.1.metric"),
        ("gate.rules.1={metric: length_ratio, better_than: prior}", "gate.rules.1.better_than"),
        ("gate.rules.1={metric: int8_wer_change, max: 0.01}", "gate.rules.1.metric"),
        ("gate.rules.1={metric: int8_size_ratio, max: 0.3}", "gate.rules.1.metric"),
        ("gate.rules.1={metric: int8_perplexity_change, max: 1}", "gate.rules.1.metric"),
        ("data.path=|data.lines={word: a.txt}", "label.column"),
        ("data.lines={word: a.txt, phones: b.txt, origin: c.txt}", "data.lines"),
        ("data.path=|data.lines={}", "data.lines"),
        ("data.path=|data.lines={word: '', phones: b, origin: c}", "data.lines.word"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_pairs_of_texts_are_refused(assignment: str, path: str) -> None:
    assert path in wrong(PAIRS, *assignment.split("|"))


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("features={other: {kind: text, units: words}}", "features.other"),
        ("model.sequence.shared_embeddings=all", "model.sequence.shared_embeddings"),
        ("model.sequence.encoder.layers=3", "model.sequence.encoder.layers"),
        ("train.sequence.auxiliary.task=reconstruct", "train.sequence.auxiliary.task"),
        ("gate.rules.1={metric: wer, max: 1}", "gate.rules.1.metric"),
        ("gate.rules.1={metric: decisions_flipped, max: 1}", "gate.rules.1.metric"),
    ],
)
def test_settings_that_do_not_fit_a_language_model_are_refused(assignment: str, path: str) -> None:
    assert path in wrong(TEXTS, assignment)


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("label.units=words", "label.units"),
        ("label.max_length=9", "label.max_length"),
        ("model.sequence={}", "model.sequence"),
        ("train.sequence={}", "train.sequence"),
        ("features.note={kind: text, units: words}", "features.note.kind"),
        ("features={}", "features"),
        ("gate.rules.0={metric: bleu, min: 3}", "gate.rules.0.metric"),
    ],
)
def test_a_table_takes_nothing_of_sequences(assignment: str, path: str) -> None:
    assert path in wrong(TABLE, assignment)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (PAIRS, ["data.path=", "data.lines={word: 'a*.txt', phones: 'b*.txt', origin: 'c*.txt'}"]),
        (PAIRS, ["evaluate.slices=[[source_length], [origin]]",
                 "gate.rules.1={metric: per, max: 0.2, slices: [source_length]}"]),
        (PAIRS, ["model.sequence.shared_embeddings=all", "label.units=letters"]),
        (PAIRS, ["model.sequence.quantisation=aware",
                 "gate.rules=[{metric: int8_wer_change, max: 0.01}, {metric: int8_size_ratio, max: 0.3}]"]),
        (PAIRS, ["gate.rules=[{metric: bleu, min: 20}, {metric: churn, max: 0.1}, {metric: chrf, min: 1}]"]),
        (PAIRS, ["gate.rules=[{metric: decisions_flipped, max: 0.1}]"]),
        (PAIRS, ["model.sequence.encoder={units: 3, heads: 1}",
                 "model.sequence.decoder={units: 12, heads: 6}"]),
        (PAIRS, ["model.sequence.attention=monotonic", "model.sequence.decoder={kind: transformer}"]),
        (PAIRS, ["train.loss=bi_tempered", "train.weight_averaging=0.99"]),
        (TEXTS, ["model.sequence.quantisation=after",
                 "gate.rules.1={metric: int8_perplexity_change, max: 1}"]),
        (TEXTS, ["data.path=", "data.lines={text: '*.txt'}",
                 "data.split={by: files, train_files: a.txt, eval_files: b.txt}"]),
        (TEXTS, ["data.path=", "data.lines={text: corpus.txt}", "evaluate.slices=[[source_length]]"]),
    ],
)  # fmt: skip
def test_settings_that_belong_together_are_accepted(text: str, overrides: list[str]) -> None:
    assert isinstance(parse(text, overrides), Config)
