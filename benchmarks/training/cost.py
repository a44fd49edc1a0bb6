"""The least work of one training step of the flights model: arithmetic, and bytes that have to move."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from benchmarks.training.worker import Block

FLOAT_BYTES = 4


class Cost(NamedTuple):
    """Of one step.

    Args:
        flop: multiplications and additions of the dense layers, forward and twice backward.
        bytes: as if each number had to come from and go to memory where it is used, and stayed in a register
            between the uses of one operation.
    """

    flop: float
    bytes: float


def layers(settings: dict[str, Any]) -> list[int]:
    """Widths from the inputs of the deep part to its logit."""
    features, hidden = settings["features"], settings["model"]["deep"]["hidden"]
    return [sum(column["dim"] for column in features["deep"]) + len(features["dense"]), *hidden, 1]


def distinct(ids: Any, columns: list[dict[str, Any]]) -> float:
    """Different rows in a batch, summed over the columns; mean over batches `(batches, rows, columns)`."""
    return float(np.mean([sum(len(np.unique(batch[:, j])) for j in range(len(columns))) for batch in ids]))


def of_a_step(settings: dict[str, Any], block: Block) -> Cost:
    """The cost of a step with batches as in `block`."""
    features, widths = settings["features"], layers(settings)
    batch = block["label"].shape[1]
    kernels = sum(a * b for a, b in itertools.pairwise(widths))
    flop = 2 * batch * kernels * 3
    inputs = sum(values[0].nbytes for values in block.values())
    # Forward and backward read each kernel; backward writes its gradient, AdaGrad reads it and changes two
    # arrays.
    floats = kernels * (2 + 2 + 4)
    # Each activation is written and read, and so is its gradient.
    floats += batch * sum(widths) * 4
    # Two linear tables of width 1: a number for each id, and FTRL reads and writes three arrays of its row.
    floats += 2 * (batch * len(features["wide"]) + 6 * distinct(block["wide_ids"], features["wide"]))
    # Rows of embeddings are read for each id, and their gradients added; AdaGrad changes two arrays of a row.
    for width in {column["dim"] for column in features["deep"]}:
        member = [j for j, column in enumerate(features["deep"]) if column["dim"] == width]
        rows = distinct(block["deep_ids"][:, :, member], [features["deep"][j] for j in member])
        floats += width * (2 * batch * len(member) + 4 * rows)
    return Cost(flop, inputs + FLOAT_BYTES * floats)
