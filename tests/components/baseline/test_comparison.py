"""An earlier model is compared only if it predicts the same from the same columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from components.baseline.comparison import why_incomparable
from trainer import export, warm_start
from trainer.data import LabelStatistics
from trainer.spec import FeatureSpec

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
