"""The tensors that every optimizer gets, and their gradients; NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, LAYERS, UNITS, TOKENS = 320, 6, 1280, 8192
_ATTENTION = ((WIDTH, WIDTH), (WIDTH,)) * 4
_FORWARD = ((WIDTH, UNITS), (UNITS,), (UNITS, WIDTH), (WIDTH,))
_NORMS = ((WIDTH,),) * 4
TRANSFORMER: tuple[tuple[int, ...], ...] = ((TOKENS, WIDTH), *(*_ATTENTION, *_FORWARD, *_NORMS) * LAYERS)
"""A Transformer encoder of 10 million parameters: embeddings, then six times attention, two layers, norms."""
ROWS, ROW_WIDTH = 10_000_000, 32
STEPS = 3
"""Steps of a turn."""


def gradients(shapes: tuple[tuple[int, ...], ...] = TRANSFORMER) -> list[NDArray[Any]]:
    """The same random gradients in every process."""
    rng = np.random.default_rng(3)
    return [rng.normal(0, 0.01, shape).astype(np.float32) for shape in shapes]


def batch(number: int, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Distinct rows of the table and their gradients, other ones in each turn."""
    rng = np.random.default_rng(number)
    ids = np.unique(rng.integers(0, ROWS, 2 * count))
    ids = rng.permutation(ids)[:count]
    return ids, rng.normal(0, 0.01, (count, ROW_WIDTH)).astype(np.float32)
