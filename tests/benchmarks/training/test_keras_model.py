"""The peers do the same training as the project: same model, same batches, same numbers."""

import numpy as np
import pytest

from benchmarks.training.keras_model import fitted, stepped
from tests.trainer import synthetic
from trainer.spec import LinearSpec, ModelSpec, TrainSpec


@pytest.fixture(scope="module")
def told():
    features = synthetic.features()
    table = synthetic.table(features, 4 * 64)
    table["weight"] = np.ones(len(table["label"]), np.float32)
    kinds = {"wide_ids": np.int32, "deep_ids": np.int32}
    block = {n: v.astype(kinds.get(n, np.float32)).reshape(4, 64, *v.shape[1:]) for n, v in table.items()}
    settings = {
        "features": features.to_json(),
        "model": ModelSpec(linear=LinearSpec(weight=0.3)).to_json(),
        "train": TrainSpec(batch_size=64, learning_rate_decay="cosine").to_json(),
        "bias": (0.1,),
        "mean_weight": 1.0,
        "steps": 1000,
    }
    return settings, [block]


def losses(turn):
    return [turn(number) for number in range(4)]


def test_tf_keras_kernels_give_the_losses_of_ours(told):
    ours = losses(stepped(*told, "ours"))
    assert ours[-1] < ours[0]
    np.testing.assert_allclose(losses(stepped(*told, "legacy")), ours, rtol=1e-4)


def test_fit_minimises_what_the_step_with_the_same_optimizers_does(told):
    np.testing.assert_allclose(losses(fitted(*told)), losses(stepped(*told, "keras")), rtol=0.02)
