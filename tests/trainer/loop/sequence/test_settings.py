"""Settings of a training of sequences, each of which learns."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.trainer.loop.sequence.conftest import Train
from tests.trainer.sequences import SMALL, own
from trainer.spec import BiTemperedSpec, ModelSpec, SequenceModelSpec


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sm3", "learning_rate": 0.05, "precision": "bfloat16"},
        pytest.param({"schedule": "rsqrt", "weight_decay": 0.01}, marks=pytest.mark.soak),
    ],
)
def test_every_setting_learns(start: Train, changes: dict[str, Any]) -> None:
    result = start(dataclasses.replace(own(**changes), epochs=4))
    losses = [entry["validation_loss"] for entry in result.history]
    assert losses[-1] < 0.97 * losses[0]


def test_a_compiled_step_learns_what_a_plain_one_learns(start: Train) -> None:
    plan = dataclasses.replace(own(buckets=1), epochs=1, evaluations_per_epoch=1)
    still = ModelSpec(sequence=dataclasses.replace(SMALL.sequence or SequenceModelSpec(), dropout=0.0))
    plain = start(plan, "plain", still)
    compiled = start(dataclasses.replace(plan, jit_compile=True), "compiled", still)
    for name in ("loss", "validation_loss"):
        assert compiled.history[-1][name] == pytest.approx(plain.history[-1][name], rel=1e-3)


def test_the_tempered_loss_trains_with_its_ramp(start: Train) -> None:
    tempered = dataclasses.replace(
        own(schedule="rsqrt", weight_decay=0.01),
        epochs=4,
        loss="bi_tempered",
        bi_tempered=BiTemperedSpec(0.8, 1.2, ramp=0.5),
    )
    result = start(tempered)
    assert result.temperature == 1.2
    losses = [entry["validation_loss"] for entry in result.history]
    assert losses[-1] < 0.97 * losses[0]
