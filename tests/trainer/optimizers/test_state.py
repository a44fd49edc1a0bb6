"""Bytes of the slots, against those that optimizers of Keras really make."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from trainer.optimizers import SM3, AdaGrad, PerPart, state_bytes, state_of_others

SHAPES: list[tuple[int, ...]] = [(300, 20), (3, 3, 8, 16), (20,), ()]


def variables() -> list[keras.Variable]:
    return [keras.Variable(np.zeros(shape, np.float32), name=f"v{i}") for i, shape in enumerate(SHAPES)]


def built(optimizer: Any) -> Any:
    optimizer.build(variables())
    return optimizer


def test_what_sm3_would_take_is_what_it_takes() -> None:
    (found,) = state_bytes(built(SM3(momentum=0.0))).values()
    assert found["bytes"] == state_of_others(SHAPES)["SM3"]


@pytest.mark.parametrize("kind", ["Adam", "Adagrad", "Adafactor"])
def test_what_others_would_take_is_what_those_of_keras_take(kind: str) -> None:
    name = {"Adagrad": "AdaGrad", "Adafactor": "Adafactor of Keras"}.get(kind, kind)
    (found,) = state_bytes(built(getattr(keras.optimizers, kind)())).values()
    # Two numbers that Adafactor has for each vector and never reads.
    placeholders = 2 * 2 * 4 if kind == "Adafactor" else 0
    assert found["bytes"] == state_of_others(SHAPES)[name] + placeholders


def test_factors_of_adafactor_by_hand() -> None:
    # 300 + 20, 3 * 3 * 8 + 3 * 3 * 16 (rows and columns of each of nine matrices), vectors whole.
    assert state_of_others(SHAPES)["Adafactor"] == 4 * (320 + 72 + 144 + 20 + 1)


def test_a_matrix_costs_sm3_its_rows_and_columns_and_nothing_else() -> None:
    optimizer = SM3(momentum=0.0)
    optimizer.build([keras.Variable(np.zeros((1000, 30), np.float32))])
    assert state_bytes(optimizer)["sm3"] == {
        "optimizer": "SM3",
        "parameters": 30_000,
        "numbers": 1030,
        "bytes": 4120,
    }


def test_parts_are_told_apart() -> None:
    parts = keras.optimizers.OptimizerMap(SM3(momentum=0.0), {"v0": AdaGrad()})
    found = state_bytes(built(PerPart(parts)))
    assert {name: part["numbers"] for name, part in found.items()} == {
        "adagrad": 6000,
        "sm3": 3 + 3 + 8 + 16 + 20 + 1,
    }


def test_momentum_and_half_precision_are_counted() -> None:
    optimizer = SM3(momentum=0.9)
    optimizer.build([keras.Variable(np.zeros((10, 3)), dtype="bfloat16")])
    assert state_bytes(optimizer)["sm3"]["bytes"] == 4 * (10 + 3 + 30)
