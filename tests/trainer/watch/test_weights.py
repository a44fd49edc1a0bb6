"""The weights that a checkpoint would be exported with."""

from __future__ import annotations

import types

import keras
import numpy as np
import pytest

from trainer.checkpoints import Checkpoint
from trainer.errors import TandemError
from trainer.watch import exported_weights


def model() -> types.SimpleNamespace:
    """Trainable weights with a counter between them, as a model with dropout has."""
    first, counter, second = (
        keras.Variable(np.zeros(shape, np.float32), trainable=trainable, name=name)
        for shape, trainable, name in (((2, 3), True, "a"), ((), False, "step"), ((4,), True, "b"))
    )
    return types.SimpleNamespace(variables=[first, counter, second], trainable_variables=[first, second])


def checkpoint(averaged: bool) -> Checkpoint:
    tensors = {
        "model/0:a": np.full((2, 3), 1, np.float32),
        "model/1:step": np.float32(9),
        "model/2:b": np.full(4, 2, np.float32),
        "optimizer/0:iteration": np.int64(9),
        "best/0": np.full((2, 3), 7, np.float32),
    }
    if averaged:
        tensors |= {
            "average/0:average_0": np.full((2, 3), 10, np.float32),
            "average/1:average_1": np.full(4, 20, np.float32),
            "average/2:count": np.float32(9),
        }
    return Checkpoint(9, tensors, {})


@pytest.mark.parametrize(("averaged", "expected"), [(False, [1, 2]), (True, [10, 20])])
def test_averages_come_before_the_weights_themselves(averaged: bool, expected: list[float]) -> None:
    found = exported_weights(checkpoint(averaged), model())
    assert [value.shape for value in found] == [(2, 3), (4,)]
    assert [float(value.flat[0]) for value in found] == expected


def test_a_checkpoint_of_another_model_is_refused() -> None:
    other = model()
    other.variables[0] = keras.Variable(np.zeros((3, 3), np.float32))
    with pytest.raises(TandemError, match=r"DECODE-004.*step=9"):
        exported_weights(checkpoint(averaged=False), other)
