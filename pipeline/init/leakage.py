"""How much of the label each single column explains: very much is too good to be known in time."""

from __future__ import annotations

import dataclasses

import numpy as np

from pipeline.init.codes import first_half, group_sums
from pipeline.init.column import Floats, Ints

ALL_BUT_EQUAL = 0.9
SUSPICIOUS = 0.35
ALL_BUT_EQUAL_AUC = 0.98
ALL_BUT_EQUAL_WITH_AUC = 0.85
SUSPICIOUS_AUC = 0.88
SUSPICIOUS_PAIR = 0.08


@dataclasses.dataclass(frozen=True)
class Power:
    """How well one column alone predicts the label in rows it was not fitted on.

    Args:
        explained: share of the log loss (of the variance for regression) of a constant that it removes.
        auc: area under the ROC curve for a binary task, `None` otherwise.
    """

    explained: float
    auc: float | None

    @property
    def level(self) -> str:
        """`equal` (all but the label itself), `suspicious` or `""`.

        The AUC alone does not tell: where positives are rare, a column that is wrong about most of the rows
        it points at still reaches 0.98.
        """
        auc = self.auc or 0.0
        if self.explained >= (ALL_BUT_EQUAL_WITH_AUC if auc >= ALL_BUT_EQUAL_AUC else ALL_BUT_EQUAL):
            return "equal"
        return "suspicious" if self.explained >= SUSPICIOUS or auc >= SUSPICIOUS_AUC else ""

    def text(self) -> str:
        """The figures in words."""
        if self.auc is not None:
            return f"alone it reaches an AUC of {self.auc:.3f}"
        return f"alone it explains {self.explained:.0%} of the label"


def power(
    codes: Ints,
    outputs: Floats,
    classes: bool,
    binary: bool,
    smoothing: float = 1.0,
    ordered: bool = False,
) -> Power:
    """Fits smoothed means by code on one half of the rows, scores the other half, and the reverse.

    Args:
        codes: `(rows,)`, codes of the column.
        outputs: `(rows, outputs)`, 0 and 1 by class, or numbers.
        classes: whether the outputs are classes.
        binary: whether there is one output of two classes.
        smoothing: rows of the overall mean added to each code. Defaults to `1.0`.
        ordered: whether rows are in order of time, see `first_half`. Defaults to `False`.
    """
    size = int(codes.max()) + 1
    half = first_half(len(codes), ordered)
    predicted = np.empty_like(outputs)
    constant = np.empty_like(outputs)
    for fit in (half, ~half):
        mean = outputs[fit].mean(axis=0)
        counts = np.bincount(codes[fit], minlength=size)[:, None]
        means = (group_sums(codes[fit], size, outputs[fit]) + smoothing * mean) / (counts + smoothing)
        predicted[~fit], constant[~fit] = means[codes[~fit]], mean
    base, loss = _loss(outputs, constant, classes), _loss(outputs, predicted, classes)
    explained = 1 - loss / base if base > 0 else 0.0
    return Power(explained, area_under_curve(outputs[:, 0], predicted[:, 0]) if binary else None)


def _loss(outputs: Floats, predicted: Floats, classes: bool) -> float:
    if not classes:
        return float(((outputs - predicted) ** 2).mean())
    p = np.clip(predicted, 1e-6, 1 - 1e-6)
    return float(-(outputs * np.log(p) + (1 - outputs) * np.log1p(-p)).sum(axis=1).mean())


def area_under_curve(labels: Floats, scores: Floats) -> float:
    """Share of pairs of a positive and a negative row that are ranked right, ties half.

    Example:
        >>> area_under_curve(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.7]))
        0.75
    """
    _, place = np.unique(scores, return_inverse=True)
    positives = np.bincount(place, weights=labels)
    negatives = np.bincount(place, weights=1 - labels)
    below = np.cumsum(negatives) - negatives
    total = positives.sum() * negatives.sum()
    return float((positives * (below + negatives / 2)).sum() / total) if total else 0.5
