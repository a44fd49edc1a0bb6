"""The linear model beside the joint one: trained apart, served mixed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from trainer.loop import TrainResult, train
from trainer.spec import DeepSpec, LinearSpec, ModelSpec, TrainSpec, WideSpec

PLAN = TrainSpec(batch_size=64, epochs=1, learning_rate_decay="cosine")
RATE = 0.05
JOINT = ModelSpec(deep=DeepSpec(hidden=(8,), learning_rate=RATE))
LINEAR = LinearSpec(weight=0.4, learning_rate=RATE, l1=0.0, l2=0.01)


@pytest.fixture(scope="module", params=["binary", "multiclass"])
def results(
    request: pytest.FixtureRequest, synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, TrainResult]:
    """Three trainings on the same rows: both together, the joint model alone, the linear model alone."""
    spec = synthetic.features(request.param)
    directory = tmp_path_factory.mktemp("linear")
    files = synthetic.files(directory, spec, 800, 200)
    wide = WideSpec(learning_rate=RATE, l1=0.0, l2=0.01)
    models = {
        "together": dataclasses.replace(JOINT, linear=LINEAR),
        "joint": JOINT,
        "linear": ModelSpec(wide=wide, deep=DeepSpec(enabled=False)),
    }

    def run(name: str, place: Path) -> TrainResult:
        return train(spec, models[name], PLAN, **files, checkpoint_dir=place / "checkpoints", run_dir=place)

    return {name: run(name, directory / name) for name in models}


def has(result: TrainResult, wanted: np.ndarray) -> bool:
    return any(w.shape == wanted.shape and np.allclose(w, wanted, atol=1e-5) for w in result.weights)


def test_each_learns_what_it_learns_alone(results: dict[str, TrainResult]) -> None:
    for name in ("joint", "linear"):
        missing = [w.shape for w in results[name].weights if not has(results["together"], w)]
        assert missing == [], name
    together = len(results["together"].weights)
    assert together == len(results["joint"].weights) + len(results["linear"].weights)


def test_the_validation_loss_is_of_the_mixed_logits(results: dict[str, TrainResult]) -> None:
    losses = {name: result.history[-1]["validation_loss"] for name, result in results.items()}
    # The loss is convex in the logits: the mixture is at most the mean of both, and none of the two.
    assert losses["together"] < 0.6 * losses["joint"] + 0.4 * losses["linear"]
    assert losses["together"] not in (losses["joint"], losses["linear"])


def test_the_training_loss_is_that_of_the_joint_model(results: dict[str, TrainResult]) -> None:
    together, joint = (results[name].history[-1]["loss"] for name in ("together", "joint"))
    assert together == pytest.approx(joint, rel=1e-4)
