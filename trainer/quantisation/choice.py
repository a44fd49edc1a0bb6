"""Which weights are stored in 8 bits, and which of them share a scale."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Below this a scale for each output saves nothing worth its error.
_FEWEST_WEIGHTS = 256
_TABLE = re.compile(r"embedding", re.IGNORECASE)


def reduced_axes(path: str, shape: Sequence[int]) -> tuple[int, ...] | None:
    """Axes of a variable that share a scale, or None if it stays float32.

    A kernel has one scale for each output, its last axis; a table of embeddings one for each row, which is
    also right where the table is the output layer. Biases, scales of normalisation and small kernels stay.

    Args:
        path: of the variable; tables have `embedding` in it.
        shape: of the variable.

    Example:
        >>> reduced_axes("decoder/kernel", (64, 32)), reduced_axes("source_embedding/table", (64, 32))
        ((0,), (1,))
        >>> reduced_axes("decoder/bias", (4096,)) is None
        True
    """
    size = 1
    for length in shape:
        size *= length
    if len(shape) < 2 or size < _FEWEST_WEIGHTS:
        return None
    if _TABLE.search(path):
        return (len(shape) - 1,)
    return tuple(range(len(shape) - 1))
