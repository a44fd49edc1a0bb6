"""How far the predictions of two models are apart, and how many decisions they disagree about."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.spec import Record

UNDECIDED = frozenset({"regression", "language_model"})
"""Tasks whose predictions are numbers, of which no decision is made."""


@dataclasses.dataclass(frozen=True)
class Change(Record):
    """Churn between two models, lower is steadier.

    Args:
        churn: mean over the rows of the absolute difference of the predictions, see `differences`.
        decisions_flipped: share of the rows about which they decide differently; None for a task without
            decisions. Defaults to `None`.
    """

    churn: float
    decisions_flipped: float | None = None


def differences(task: str, one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Absolute difference of the predictions of each row; a row is counted once, whatever its weight.

    Args:
        task: `binary`, `multiclass`, `regression`, `seq2seq` or `language_model`.
        one: predictions `(rows, outputs)`: probability of the positive class, probabilities of all classes,
            or a number in the unit of the label. Of a language model bits per unit `(rows,)`; of `seq2seq`
            the best hypotheses `(rows,)`.
        other: those of the other model.

    Returns:
        float64 `(rows,)`, a mean over the outputs; of hypotheses 1 where they are not the same, else 0.

    Example:
        >>> differences("binary", [[0.5], [0.75]], [[0.25], [0.75]]).tolist()
        [0.25, 0.0]
    """
    if task == "seq2seq":
        return (np.asarray(one, object) != np.asarray(other, object)).astype(np.float64)
    apart = np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))
    return np.asarray(apart.mean(axis=tuple(range(1, apart.ndim))))


def decisions(task: str, predictions: ArrayLike) -> NDArray[Any] | None:
    """What a client would do by each prediction; None for a task of `UNDECIDED`.

    Args:
        task: see `differences`.
        predictions: see `differences`.

    Returns:
        `(rows,)`: of a binary task whether the probability is above 0.5, as `accuracy` counts it; of several
        classes the index of the most probable one; of `seq2seq` the hypothesis itself.
    """
    if task in UNDECIDED:
        return None
    if task == "seq2seq":
        return np.asarray(predictions, object)
    values = np.asarray(predictions)
    return values[:, 0] > 0.5 if task == "binary" else values.argmax(axis=1)


def flips(task: str, one: ArrayLike, other: ArrayLike) -> NDArray[np.bool_] | None:
    """Whether the decisions about each row differ, `(rows,)`; None for a task of `UNDECIDED`.

    Example:
        >>> flips("multiclass", [[0.6, 0.4, 0.0], [0.1, 0.9, 0.0]], [[0.4, 0.5, 0.1], [0.2, 0.7, 0.1]])
        array([ True, False])
    """
    mine, theirs = decisions(task, one), decisions(task, other)
    if mine is None or theirs is None:
        return None
    return np.asarray(mine != theirs, np.bool_)


def measure(task: str, one: ArrayLike, other: ArrayLike) -> Change:
    """Churn between two models that answered the same rows.

    Args:
        task: see `differences`.
        one: predictions, see `differences`, of at least one row.
        other: those of the other model.

    Example:
        >>> measure("binary", [[0.25], [0.75]], [[0.5], [0.25]])
        Change(churn=0.375, decisions_flipped=0.5)
    """
    flipped = flips(task, one, other)
    return Change(
        float(differences(task, one, other).mean()), None if flipped is None else float(flipped.mean())
    )


def pairs(retrains: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Every two of them, once: `n (n - 1) / 2` pairs of n retrains.

    Example:
        >>> pairs([1, 2, 3])
        [(1, 2), (1, 3), (2, 3)]
    """
    return list(itertools.combinations(retrains, 2))
