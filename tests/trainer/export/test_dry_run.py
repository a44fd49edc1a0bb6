"""How answers are compared and times measured."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.export import dry_run


def difference(name: str, answer: float, recorded: float) -> float:
    found = dry_run._difference(
        {name: tf.constant([[answer]], tf.float64)}, {name: np.array([[recorded]], np.float64)}
    )
    return float(found)


@pytest.mark.parametrize("name", ["scores", "log_probabilities", "perplexities"])
def test_sums_over_a_text_differ_by_a_share_of_their_size(name: str) -> None:
    # One unit in the last place of float32 at 5,000 is 4.9e-4, more than any absolute tolerance allows.
    assert difference(name, -5000.0005, -5000.0) == pytest.approx(1e-7, rel=1e-3)
    assert difference(name, -0.5001, -0.5) == pytest.approx(1e-4)


def test_outputs_of_tables_differ_absolutely() -> None:
    assert difference("logits", 20.001, 20.0) == pytest.approx(1e-3)


def test_slow_models_are_timed_for_a_while_and_not_for_every_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dry_run, "_MOST_SECONDS", 0.2)
    calls = []

    def slow(request: Any) -> dict[str, Any]:
        calls.append(request)
        time.sleep(0.03)
        return {"texts": tf.constant(0)}

    found = dry_run._latency(slow, list(range(500)))
    # 2 calls of 0.05 seconds of warm-up, then 7 of 0.2 seconds; without a bound they would be 510.
    assert 2 <= len(calls) <= 10
    assert found["p50"] >= 30.0
