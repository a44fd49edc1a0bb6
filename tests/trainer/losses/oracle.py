"""The bi-tempered loss by definition, in 50 digits: a bisection and difference quotients, no formula of ours.

Reference: Amid, Warmuth, Anil, Koren, 2019, arXiv:1906.03361, equations 1, 2 and 4.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

import mpmath  # type: ignore[import-untyped]

DIGITS = 50
HALVINGS = 180
STEP = mpmath.mpf(10) ** -17
"""A central difference quotient is off by the square of this."""

Row = tuple[float, ...]


def exp_t(x: Any, t: float) -> Any:
    if t == 1:
        return mpmath.exp(x)
    base = 1 + (1 - mpmath.mpf(t)) * x
    if base <= 0:
        return mpmath.inf if t > 1 else mpmath.mpf(0)
    return base ** (1 / (1 - mpmath.mpf(t)))


def log_t(x: Any, t: float) -> Any:
    if t == 1:
        return mpmath.log(x) if x else -mpmath.inf
    if not x:
        return -mpmath.inf if t > 1 else -1 / (1 - mpmath.mpf(t))
    return (mpmath.mpf(x) ** (1 - mpmath.mpf(t)) - 1) / (1 - mpmath.mpf(t))


def softmax(logits: Sequence[Any], t: float) -> list[Any]:
    with mpmath.workdps(DIGITS):
        return _softmax(tuple(mpmath.mpf(a) for a in logits), t)


@functools.cache
def _softmax(logits: tuple[Any, ...], t: float) -> list[Any]:
    """`exp_t(a_i - l)`, with `l` between the greatest logit and where no class has more than its share."""
    with mpmath.workdps(DIGITS):
        counts = collections.Counter(logits)
        low = max(counts)
        high = low - log_t(mpmath.mpf(1) / len(logits), t)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = sum(count * exp_t(a - middle, t) for a, count in counts.items()) > 1
            low, high = (middle, high) if above else (low, middle)
        of = {a: exp_t(a - low, t) for a in counts}
        return [of[a] for a in logits]


def loss(targets: Sequence[Any], logits: Sequence[Any], t1: float, t2: float) -> Any:
    """Equation 4; where a target is 0, so is its `y log_t y`."""
    with mpmath.workdps(DIGITS):
        found, rest = mpmath.mpf(0), 2 - mpmath.mpf(t1)
        for y, p in zip(map(mpmath.mpf, targets), softmax(logits, t2), strict=True):
            found += y * (log_t(y, t1) - log_t(p, t1)) if y else 0
            found -= (y**rest - p**rest) / rest
        return found


def gradient(targets: Sequence[Any], logits: Sequence[Any], t1: float, t2: float) -> list[Any]:
    """By the logits."""
    return _quotients(lambda moved: loss(targets, moved, t1, t2), logits)


def _quotients(function: Callable[[list[Any]], Any], at: Sequence[Any]) -> list[Any]:
    with mpmath.workdps(DIGITS):
        found = []
        for index in range(len(at)):
            ends = []
            for step in (STEP, -STEP):
                moved = [mpmath.mpf(a) for a in at]
                moved[index] += step
                ends.append(function(moved))
            found.append((ends[0] - ends[1]) / (2 * STEP))
        return found


@functools.cache
def losses(targets: tuple[Row, ...], logits: tuple[Row, ...], t1: float, t2: float) -> list[float]:
    """Of several examples, as floats."""
    return [float(loss(y, a, t1, t2)) for y, a in zip(targets, logits, strict=True)]


@functools.cache
def gradients(targets: tuple[Row, ...], logits: tuple[Row, ...], t1: float, t2: float) -> list[list[float]]:
    """Of several examples, as floats."""
    rows = zip(targets, logits, strict=True)
    return [[float(part) for part in gradient(y, a, t1, t2)] for y, a in rows]


def softmaxes(logits: Any, t: float) -> list[list[float]]:
    """Of several examples, as floats."""
    return [[float(p) for p in softmax([float(a) for a in row], t)] for row in logits]
