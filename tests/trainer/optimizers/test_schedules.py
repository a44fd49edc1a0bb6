"""Learning rates by hand."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from trainer.optimizers import CoolDown, WarmUp, schedule
from trainer.optimizers.schedules import Decay


@pytest.mark.parametrize(
    ("decay", "middle", "near", "end"),
    [
        ("none", 0.4, 0.4, 0.4),
        ("linear", 0.2, 0.02, 0.0),
        ("cosine", 0.2, 0.4 * 0.00615583, 0.0),
        ("cool_down", 0.4, 0.2, 0.0),
    ],
)
def test_decay_runs_over_the_planned_steps(decay: Decay, middle: float, near: float, end: float) -> None:
    rate = schedule(0.4, decay, 20)
    values = [float(rate(s)) if callable(rate) else rate for s in (0, 10, 19, 20, 21)]
    assert values == pytest.approx([0.4, middle, near, end, end], abs=1e-6)


@pytest.mark.parametrize("decay", ["none", "linear", "cosine", "cool_down"])
def test_the_rate_rises_with_the_square_of_the_step(decay: Decay) -> None:
    plain, warm = schedule(0.4, decay, 40), schedule(0.4, decay, 40, warm_up=0.1)
    assert isinstance(warm, WarmUp)
    for step, factor in enumerate([1 / 16, 4 / 16, 9 / 16, 1.0, 1.0, 1.0]):
        base = float(plain(step)) if callable(plain) else plain
        assert float(warm(step)) == pytest.approx(base * factor, rel=1e-6)


@pytest.mark.parametrize("made", [WarmUp(0.1, 3), WarmUp(CoolDown(0.1, 9, 0.5), 3, 1.0), CoolDown(0.2, 7)])
def test_schedules_survive_serialisation(made: Any) -> None:
    copy = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(made))
    assert copy.get_config() == made.get_config()
    assert [float(copy(step)) for step in range(10)] == [float(made(step)) for step in range(10)]


@pytest.mark.parametrize(("decay", "warm_up"), [("linear", 0.0), ("none", 0.1)])
def test_planned_steps_are_needed(decay: Decay, warm_up: float) -> None:
    with pytest.raises(ValueError, match="steps=0"):
        schedule(0.4, decay, 0, warm_up)


def test_numbers_out_of_range_are_refused() -> None:
    unknown: Any = "fast"
    for make, told in (
        (lambda: schedule(0.4, unknown, 3), "decay='fast'"),
        (lambda: WarmUp(0.1, 0), "steps=0"),
        (lambda: WarmUp(0.1, 1, 0.0), "power=0"),
        (lambda: CoolDown(0.1, 0), "steps=0"),
        (lambda: CoolDown(0.1, 5, 0.0), "share=0"),
    ):
        with pytest.raises(ValueError, match=f"Received: {told}"):
            make()
