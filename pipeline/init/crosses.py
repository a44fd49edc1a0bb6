"""Finds pairs of columns that say more together than one after the other."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from pipeline.init.codes import first_half, group_sums
from pipeline.init.column import Floats, Ints

MAX_CROSSES = 8
_MAX_COLUMNS = 32
_MAX_OUTPUTS = 5
_MIN_ROWS = 1_000
_MAX_ROWS = 100_000
_SHRINK = 20.0
_CYCLES = 4
_LARGEST_STEP = 2.0
_SHORTLIST = 40
_MIN_GAIN = 2e-4
_MAX_USES = 4


@dataclasses.dataclass(frozen=True)
class Suggested:
    """A cross worth having.

    Args:
        columns: the two names.
        gain: fall of the loss beyond the additive model and the crosses before, in rows it was not fitted
            on, as a share of the loss of a constant.
        cells: number of different pairs of values in the sample.
    """

    columns: tuple[str, str]
    gain: float
    cells: int


@dataclasses.dataclass
class _Fold:
    """A model fitted on the rows `fit` and judged on the rows `other`; `score` is `(rows, outputs)`."""

    fit: Ints
    other: Ints
    score: Floats
    outputs: Floats
    classes: bool

    def loss(self, score: Floats) -> Floats:
        """Loss of the judged rows, `(rows,)`: log loss of each class, or half the squared error."""
        outputs = self.outputs[self.other]
        if not self.classes:
            return np.asarray(((outputs - score) ** 2 / 2).sum(axis=1))
        return np.asarray((np.logaddexp(0.0, score) - outputs * score).sum(axis=1))

    def slopes(self) -> tuple[Floats, Floats]:
        """Minus the first and the second derivative of the loss by the score, in the fitted rows."""
        outputs, score = self.outputs[self.fit], self.score[self.fit]
        if not self.classes:
            return outputs - score, np.ones_like(score)
        p = 1 / (1 + np.exp(-score))
        return outputs - p, p * (1 - p)

    def step(self, codes: Ints, size: int, slopes: tuple[Floats, Floats]) -> Floats:
        """Newton steps by code, `(size, outputs)`, shrunk as if every code had further, neutral rows."""
        gradient, curvature = (group_sums(codes[self.fit], size, values) for values in slopes)
        shrink = _SHRINK * slopes[1].mean()
        return np.asarray(np.clip(gradient / (curvature + shrink), -_LARGEST_STEP, _LARGEST_STEP))


def suggest(
    columns: Mapping[str, Ints],
    importance: Mapping[str, float],
    outputs: Floats,
    classes: bool,
    ordered: bool,
) -> list[Suggested]:
    """Picks pairs one after the other, each for what it adds to an additive model and the pairs before.

    On one half of the rows an additive model (logistic for classes) is fitted by backfitting with Newton
    steps, then one Newton step for the cells of a pair; the gain is the fall of the loss in the other half.
    A pair must gain in both directions and clearly more than its standard error.

    Args:
        columns: `(rows,)` codes by name.
        importance: explained share by name; the most important columns are paired.
        outputs: `(rows, outputs)`, 0 and 1 by class, or numbers.
        classes: whether the outputs are classes.
        ordered: whether rows are in order of time, see `first_half`: what holds for a short while is
            then not taken for a pattern.

    Returns:
        At most 8 pairs, best first; none for fewer than 1,000 rows.
    """
    rows = len(outputs)
    if rows < _MIN_ROWS:
        return []
    chosen = np.linspace(0, rows - 1, min(rows, _MAX_ROWS)).astype(np.int64)
    outputs = outputs[chosen, :_MAX_OUTPUTS]
    names = sorted(columns, key=lambda name: -importance.get(name, 0.0))[:_MAX_COLUMNS]
    codes = {name: np.unique(columns[name][chosen], return_inverse=True)[1] for name in names}
    sizes = {name: int(values.max()) + 1 for name, values in codes.items()}
    place = np.arange(len(chosen))
    first = first_half(len(chosen), ordered)
    halves = (place[first], place[~first])
    folds = [_additive(fit, other, outputs, classes, codes, sizes) for fit, other in (halves, halves[::-1])]
    pairs = {
        pair: (codes[pair[0]] * sizes[pair[1]] + codes[pair[1]]) for pair in itertools.combinations(names, 2)
    }
    cells = {pair: int(np.count_nonzero(np.bincount(values))) for pair, values in pairs.items()}
    useful = {pair: pairs[pair] for pair in pairs if cells[pair] > max(sizes[pair[0]], sizes[pair[1]])}
    return _greedy(folds, useful, cells)


def _additive(
    fit: Ints,
    other: Ints,
    outputs: Floats,
    classes: bool,
    codes: Mapping[str, Ints],
    sizes: Mapping[str, int],
) -> _Fold:
    mean = outputs[fit].mean(axis=0)
    if classes:
        mean = np.clip(mean, 1e-4, 1 - 1e-4)
        mean = np.log(mean / (1 - mean))
    fold = _Fold(fit, other, np.tile(mean, (len(outputs), 1)), outputs, classes)
    for _ in range(_CYCLES):
        for name, values in codes.items():
            fold.score += fold.step(values, sizes[name], fold.slopes())[values]
    return fold


def _greedy(
    folds: list[_Fold], pairs: dict[tuple[str, str], Ints], cells: dict[tuple[str, str], int]
) -> list[Suggested]:
    found: list[Suggested] = []
    base = sum(_constant_loss(fold) for fold in folds) / len(folds)
    candidates = list(pairs)
    while candidates and len(found) < MAX_CROSSES:
        gains = _gains(folds, {pair: pairs[pair] for pair in candidates})
        good = [pair for pair in candidates if gains[pair][1]]
        if not good:
            break
        best = max(good, key=lambda pair: gains[pair][0])
        if gains[best][0] < _MIN_GAIN * base:
            break
        found.append(Suggested(best, gains[best][0] / base, cells[best]))
        size = int(pairs[best].max()) + 1
        for fold in folds:
            fold.score += fold.step(pairs[best], size, fold.slopes())[pairs[best]]
        uses = [name for cross in found for name in cross.columns]
        ranked = sorted((pair for pair in good if pair != best), key=lambda pair: -gains[pair][0])
        candidates = [p for p in ranked[:_SHORTLIST] if max(uses.count(p[0]), uses.count(p[1])) < _MAX_USES]
    return found


def _gains(
    folds: list[_Fold], pairs: dict[tuple[str, str], Ints]
) -> dict[tuple[str, str], tuple[float, bool]]:
    """By pair: the mean fall of the loss over both directions, and whether it is more than chance in each."""
    slopes = [fold.slopes() for fold in folds]
    scores = [fold.score[fold.other] for fold in folds]
    losses = [fold.loss(score) for fold, score in zip(folds, scores, strict=True)]
    found = {}
    for pair, codes in pairs.items():
        size = int(codes.max()) + 1
        means, sure = [], True
        for fold, slope, score, loss in zip(folds, slopes, scores, losses, strict=True):
            fall = loss - fold.loss(score + fold.step(codes, size, slope)[codes[fold.other]])
            means.append(float(fall.mean()))
            sure = sure and means[-1] > 2 * float(fall.std()) / len(fall) ** 0.5
        found[pair] = (sum(means) / len(means), sure)
    return found


def _constant_loss(fold: _Fold) -> float:
    mean = fold.outputs[fold.fit].mean(axis=0)
    if fold.classes:
        mean = np.clip(mean, 1e-4, 1 - 1e-4)
        mean = np.log(mean / (1 - mean))
    return float(fold.loss(np.tile(mean, (len(fold.other), 1))).mean())
