"""Labels flipped with a seed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import LabelAccumulator, Split
from trainer.errors import TandemError


def flip(labels: NDArray[Any], share: float, classes: int, seed: int) -> NDArray[Any]:
    """Gives a random share of the rows another class, each of the others equally likely.

    With one seed the rows flipped at a lower share are among those flipped at a higher one, and with the same
    class, so that trials differ in nothing else.

    Args:
        labels: class indices `(rows,)`.
        share: float in `[0, 1]`. Probability that a label is flipped.
        classes: int, at least 2.
        seed: int.

    Returns:
        Labels `(rows,)` of the same type.

    Example:
        >>> flip(np.array([0, 1, 0, 1]), 1.0, 2, seed=1).tolist()
        [1, 0, 1, 0]
    """
    rng = np.random.default_rng(seed)
    chosen, steps = rng.random(len(labels)) < share, rng.integers(1, classes, len(labels))
    return np.where(chosen, (labels + steps) % classes, labels).astype(labels.dtype)


def flipped(split: Split, share: float, seed: int) -> Split:
    """The split with a share of its labels flipped; its statistics are those of the flipped labels.

    Raises:
        TandemError: `NOISE-002` if the split is not held in memory, as flips need it.
    """
    if split.columns is None:
        raise TandemError(
            "NOISE-002",
            f"Labels are flipped in memory, which must hold the split. Received: {split.rows:,} rows",
            "Use fewer rows: --set data.limit=NUMBER.",
            exit_status=2,
        )
    labels = flip(split.columns["label"], share, max(2, split.spec.num_classes), seed)
    counted = LabelAccumulator(split.spec)
    counted.add(labels, split.columns["weight"])
    return dataclasses.replace(split, columns={**split.columns, "label": labels}, statistics=counted.result())
