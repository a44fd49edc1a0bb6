"""Training of sequences: what it tells, what it leaves out, when it stops."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.loop.sequence.conftest import Train
from tests.trainer.sequences import PLAN, SMALL, language_model, own, pairs, write
from trainer.errors import TandemError
from trainer.loop.sequence import SequenceResult, train_sequences
from trainer.spec import AuxiliarySpec, EarlyStoppingSpec


def test_history_tells_of_tokens_and_of_hypotheses(unbroken: tuple[SequenceResult, Path]) -> None:
    result, place = unbroken
    entry = result.history[-1]
    assert set(entry) == {
        "step", "epoch", "loss", "validation_loss", "validation_perplexity", "validation_exact_match",
        "seconds", "examples", "examples_per_second", "tokens", "tokens_per_second",
    }  # fmt: skip
    assert entry["examples"] == 2 * 200
    assert entry["tokens"] == 2 * result.table.statistics.tokens
    assert entry["validation_perplexity"] == pytest.approx(np.exp(entry["validation_loss"]))
    assert json.loads((place / "run" / "history.json").read_text()) == result.history
    assert list((place / "run" / "tensorboard").iterdir())
    assert result.summary["sequences"]["tokens_per_second"] > 0


def test_skipped_examples_are_in_the_summary(start: Train, tmp_path: Path) -> None:
    rows = [*pairs(60), ([4] * 13, [4]), ([], [4])]
    summary = start(train_files=[str(write(tmp_path / "rows", rows))]).summary
    assert summary["sequences"]["skipped"] == {"empty": 1, "long": 1}
    assert summary["train_rows"] == 60


def test_a_second_task_changes_the_weights_and_the_loss_told_is_the_first_ones(
    start: Train, unbroken: tuple[SequenceResult, Path]
) -> None:
    both = unbroken[0].history[-1]["validation_loss"]
    assert start().history[-1]["validation_loss"] != both
    every = start(own(auxiliary=AuxiliarySpec("language_model", 1.0, 1.0)), "b")
    assert [entry["loss"] for entry in every.history] == [None] * 4


def test_a_language_model_learns_and_has_no_hypotheses(tmp_path: Path) -> None:
    rows = [(None, [4, 5, 6, 7][: 2 + index % 3]) for index in range(100)]
    path = [str(write(tmp_path / "texts", rows))]
    plan = dataclasses.replace(PLAN, epochs=20)
    result = train_sequences(
        language_model(), SMALL, plan, path, path, tmp_path / "checkpoints", tmp_path / "run"
    )
    # Nothing but the length is open: the entropy of three equal shares over (3 + 4 + 5) / 3 units.
    assert result.history[-1]["validation_loss"] == pytest.approx(np.log(3) / 4, abs=0.15)
    assert "validation_exact_match" not in result.history[-1]


def test_without_a_validation_split_the_last_weights_are_kept(start: Train) -> None:
    result = start(validation_files=None)
    assert [entry["validation_loss"] for entry in result.history] == [None] * 4
    assert result.summary["exported_step"] == result.summary["steps"]


def test_early_stopping_keeps_the_best_weights(start: Train) -> None:
    plan = dataclasses.replace(
        own(learning_rate=0.3, clip_norm=0.0),
        epochs=20,
        weight_averaging=0.0,
        early_stopping=EarlyStoppingSpec(patience=2),
    )
    result = start(plan)
    losses = [entry["validation_loss"] for entry in result.history]
    assert result.summary["stopped_early"]
    assert result.summary["exported_step"] == result.history[int(np.argmin(losses))]["step"]


def test_a_loss_that_is_not_finite_names_the_step_and_the_rate(start: Train) -> None:
    with pytest.raises(TandemError, match=r"TRAIN-401.*at step .*source_ids") as raised:
        start(own(learning_rate=1e30, warm_up=0.0, schedule="constant"))
    assert "train.sequence.learning_rate (1e+30)" in raised.value.hint
