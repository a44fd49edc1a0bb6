"""An earlier model is compared only if it predicts the same from the same columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from components.baseline.comparison import why_incomparable, why_sequences_incomparable
from components.baseline.files import FEATURES
from tests.trainer import text_graph
from trainer import export, warm_start
from trainer.data import LabelStatistics
from trainer.export import sequence
from trainer.export.sequence.prior import export_sequence_prior, fit_prior
from trainer.spec import FeatureSpec
from trainer.spec.sequence import SequenceFeatureSpec
from trainer.storage import write_json

OLD = FeatureSpec("binary", 1, ("no", "yes"), raw={"a": "float", "dep time": "int64", "code": "string"})


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("old") / "model"
    export.export_prior(directory, OLD, LabelStatistics(10, 10.0, 0.5, 0.25, (5.0, 5.0)))
    state = warm_start.WarmState("binary", ("no", "yes"), (), warm_start.Inputs(), (), (), {}, {})
    warm_start.write(directory / warm_start.FILE, state)
    return directory


def raw(**changes: str) -> FeatureSpec:
    return dataclasses.replace(OLD, raw={**OLD.raw, **changes})


def test_the_same_question_from_the_same_or_more_columns_can_be_compared(old: Path) -> None:
    assert why_incomparable(old, OLD) == ""
    assert why_incomparable(old, raw(b="float")) == ""


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (
            dataclasses.replace(OLD, raw={"dep time": "int64", "code": "string"}),
            "takes the column a (float32), which the candidate does not take",
        ),
        (
            dataclasses.replace(OLD, raw={"a": "float", "code": "string"}),
            "takes the column dep time (int64), which the candidate does not take",
        ),
        (raw(code="float"), "takes the column code as string, the candidate as float32"),
        (
            dataclasses.replace(OLD, classes=("yes", "no")),
            "predicts binary of the classes no, yes, the candidate binary of the classes yes, no",
        ),
        (
            FeatureSpec("regression", 1, raw=OLD.raw),
            "predicts binary of the classes no, yes, the candidate regression",
        ),
    ],
)
def test_another_question_or_other_columns_cannot_be_compared(
    old: Path, candidate: FeatureSpec, why: str
) -> None:
    assert why_incomparable(old, candidate) == why


def test_a_model_that_does_not_say_what_it_predicts_and_takes_cannot_be_compared(
    old: Path, tmp_path: Path
) -> None:
    assert "does not say what it predicts and takes (TRAIN-202" in why_incomparable(tmp_path, OLD)
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / warm_start.FILE).write_bytes((old / warm_start.FILE).read_bytes())
    assert "does not say what it predicts and takes ([Errno 2]" in why_incomparable(tmp_path, OLD)
    for content in (b"", b"no model"):
        (tmp_path / "saved_model.pb").write_bytes(content)
        assert "does not say what it predicts and takes (" in why_incomparable(tmp_path, OLD)


def sequence_model(directory: Path, features: SequenceFeatureSpec) -> Path:
    graph = text_graph.write(directory / "graph", features)
    export_sequence_prior(directory / "model", features, fit_prior(features, []), graph)
    write_json(directory / "model" / FEATURES, features.to_json())
    return directory / "model"


def test_sequences_are_compared_by_task_units_and_columns(tmp_path: Path) -> None:
    features = text_graph.seq2seq()
    model = sequence_model(tmp_path / "a", features)
    assert features.source is not None
    more = dataclasses.replace(features.source, units=(*features.source.units, "z"), max_length=99)
    assert why_sequences_incomparable(model, features) == ""
    assert why_sequences_incomparable(model, dataclasses.replace(features, source=more)) == ""
    words = dataclasses.replace(features.target, kind="words")
    assert why_sequences_incomparable(model, dataclasses.replace(features, target=words)) == (
        "predicts seq2seq of tokens from characters, the candidate seq2seq of words from characters"
    )
    assert why_sequences_incomparable(model, text_graph.language_model()) == (
        "predicts seq2seq of tokens from characters, the candidate language_model of characters"
    )
    other = dataclasses.replace(features, raw={"term": "string"})
    assert why_sequences_incomparable(model, other) == (
        "takes the column word (string), which the candidate does not take"
    )


def test_perplexities_over_other_subwords_are_not_compared(tmp_path: Path) -> None:
    features = text_graph.language_model()
    model = sequence_model(tmp_path, features)
    other = dataclasses.replace(features, target=dataclasses.replace(features.target, units=("a", "b")))
    assert why_sequences_incomparable(model, other) == ""
    pieces = dataclasses.replace(features, target=dataclasses.replace(features.target, kind="subwords"))
    write_json(model / FEATURES, pieces.to_json())
    assert why_sequences_incomparable(model, pieces) == ""
    other = dataclasses.replace(other, target=dataclasses.replace(other.target, kind="subwords"))
    assert "other subwords" in why_sequences_incomparable(model, other)


def test_models_of_tables_and_of_sequences_are_not_compared(old: Path, tmp_path: Path) -> None:
    assert "does not say what" in why_sequences_incomparable(old, text_graph.seq2seq())
    assert "does not say what" in why_incomparable(sequence_model(tmp_path, text_graph.seq2seq()), OLD)


def test_the_specification_lies_where_the_exporter_puts_it() -> None:
    assert FEATURES == sequence.FEATURES
