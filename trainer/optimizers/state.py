"""Memory that the state of an optimizer takes, from its slots, and what others would take."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf


def state_bytes(optimizer: keras.optimizers.Optimizer) -> dict[str, dict[str, Any]]:
    """Bytes of the slots of a built optimizer, of each part of it if it has parts.

    Counted are all variables of the optimizer but its step counter and its learning rate.

    Args:
        optimizer: built on its variables.

    Returns:
        By name of the optimizer: `optimizer`, the class; `parameters`, numbers it updates; `numbers`, of
        its slots; `bytes`, of these.
    """
    found = {}
    for part in getattr(optimizer, "optimizers", None) or [optimizer]:
        if not part.built:
            continue
        own = {id(part.iterations), id(getattr(part, "_learning_rate", None))}
        slots = [variable for variable in part.variables if id(variable) not in own]
        found[str(part.name)] = {
            "optimizer": type(part).__name__,
            "parameters": sum(_size(variable) for variable in part._trainable_variables),
            "numbers": sum(_size(slot) for slot in slots),
            "bytes": sum(_size(slot) * tf.as_dtype(slot.dtype).size for slot in slots),
        }
    return found


def state_of_others(shapes: Iterable[tuple[int, ...]]) -> dict[str, int]:
    """Bytes of float32 slots that other optimizers would have for variables of these shapes.

    Adam has two numbers for each parameter, AdaGrad one. SM3, without momentum, has one for each index of
    each axis. Adafactor, without momentum, has one for each row
    and column of the last two axes and one for each parameter of a vector; that of Keras also keeps their
    product, one more for each parameter of a variable of two axes or more.

    Args:
        shapes: of the variables.

    Reference: Kingma and Ba, 2015, arXiv:1412.6980; Duchi, Hazan, Singer, 2011, JMLR 12; Shazeer and Stern,
    2018, arXiv:1804.04235, algorithm 4.
    """
    every = list(shapes)
    numbers = sum(math.prod(shape) for shape in every)
    vectors = sum(math.prod(shape) for shape in every if len(shape) < 2)
    factors = sum(
        math.prod(shape[:-1]) + math.prod((*shape[:-2], shape[-1])) for shape in every if len(shape) > 1
    )
    return {
        "Adam": 8 * numbers,
        "AdaGrad": 4 * numbers,
        "SM3": 4 * sum(max(1, sum(shape)) for shape in every),
        "Adafactor": 4 * (factors + vectors),
        "Adafactor of Keras": 4 * (factors + numbers),
    }


def _size(variable: keras.Variable) -> int:
    return math.prod(tuple(variable.shape))
