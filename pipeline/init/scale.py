"""Settings that go by the amount of data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.init.target import Target

Values = dict[str, Any]

TINY_ROWS = 1_000
SMALL_ROWS = 20_000
_ONE_IN_TWENTY = 1.645


def split(rows: int) -> Values:
    """Shares of the splits: larger ones when there are few rows."""
    return {"eval_fraction": 0.3, "validation_fraction": 0.2} if rows < TINY_ROWS else {}


def eval_share(rows: int) -> float:
    """The share of `eval` that `split` gives."""
    return float(split(rows).get("eval_fraction", 0.2))


def model(rows: int) -> Values:
    """A net that few rows can fill."""
    if rows < TINY_ROWS:
        return {"deep": {"hidden": [16], "learning_rate": 0.05, "max_embedding_dim": 4}}
    if rows < SMALL_ROWS:
        return {"deep": {"hidden": [64, 32], "max_embedding_dim": 8}}
    return {}


def train(rows: int) -> Values:
    """Small batches and more passes when there are few rows."""
    if rows < TINY_ROWS:
        stopping = {"patience": 10}
        return {"batch_size": 16, "epochs": 100.0, "evaluations_per_epoch": 1, "early_stopping": stopping}
    if rows < SMALL_ROWS:
        return {"batch_size": 64, "epochs": 30.0, "early_stopping": {"patience": 5}}
    return {"batch_size": 256, "epochs": 10.0} if rows < 10 * SMALL_ROWS else {}


def train_rows(rows: int) -> float:
    """Rows that `split` leaves for training."""
    return rows * (1 - eval_share(rows)) * (1 - float(split(rows).get("validation_fraction", 0.1)))


def min_count(rows: int) -> int:
    """Least count of a value in a vocabulary."""
    return 1 if rows < 300 else 2 if rows < 5_000 else 5


def quantiles(rows: int) -> Values:
    """Quantiles and buckets of a number: at least about ten rows in each."""
    if rows >= TINY_ROWS:
        return {}
    return {"quantiles": max(4, min(100, rows // 10)), "buckets": max(2, min(16, rows // 30))}


def min_rows(rows: int) -> Values:
    """Least rows of a split, when the default of 10 could fail by chance."""
    expected = rows * min(eval_share(rows), 0.2)
    return {} if expected >= 30 else {"min_rows": max(1, int(expected / 3))}


def chance_gain(target: Target, values: Any, train_rows: float) -> float:
    """What a model may gain on a constant prediction although its training labels say nothing.

    Fitted on labels that do not depend on the features, a slope is off 0 by chance, by `z` standard errors;
    where the true labels correlate with the features by `r`, its right sign lowers the log loss by up to
    `z r / sqrt(train_rows)` nats, and the RMSE by as much in deviations of the label. This is that for
    `r = 1/2` and the `z` that chance exceeds once in twenty times, and at most a tenth of the loss of the
    constant prediction, so that few rows can pass.

    Args:
        target: the label.
        values: its values; class indices, or numbers.
        train_rows: expected rows of the `train` split.

    Returns:
        A difference of log loss, or of RMSE for a regression.
    """
    if target.task == "regression":
        constant = scale = float(np.std(values))
    else:
        shares = np.bincount(np.asarray(values, np.int64)) / len(values)
        constant, scale = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0]))), 1.0
    return min(_ONE_IN_TWENTY * 0.5 * scale / math.sqrt(max(train_rows, 1)), 0.1 * constant)


def gate(
    target: Target, train_values: Any, eval_values: Any, train_rows: float, eval_rows: float
) -> tuple[list[Values], bool]:
    """Default rules: better than a constant by more than chance, and right on average within bounds.

    Bounds are widened by four standard errors of the mean label over `eval_rows`, and so that they hold
    the change of the mean label from the training part to the evaluated one.

    Args:
        target: the label.
        train_values: labels of the part that will be trained on.
        eval_values: labels of the part that will be evaluated.
        train_rows: expected rows of the `train` split.
        eval_rows: expected rows of the `eval` split.

    Returns:
        The rules, and whether the mean label moved so far that the bounds were widened for it. Calibration
        has no lower bound where that would be 0, which nothing could fall below.
    """
    metric = "rmse" if target.task == "regression" else "log_loss"
    margin = float(f"{chance_gain(target, train_values, train_rows):.2g}")
    better: Values = {"metric": metric, "better_than": "prior", "by_at_least": margin}
    if target.task == "multiclass":
        limit = min(0.9, 0.15 + 2 / math.sqrt(max(eval_rows, 1)))
        bounds: Values = {"metric": "calibration", "max": _up(limit)}
        return [better, bounds], False
    before, after = float(np.mean(train_values)), float(np.mean(eval_values))
    if target.task == "regression":
        shift = (before - after) / (float(np.std(eval_values)) or 1.0)
        error = 4 / math.sqrt(max(eval_rows, 1))
        low, high = min(-0.25, shift - 0.15, -error), max(0.25, shift + 0.15, error)
        moved = abs(shift) > max(0.1, error)
        bounds = {"metric": "bias_ratio", "min": -_up(-low), "max": _up(high)}
        return [better, bounds], moved
    rate = float(np.mean([*train_values, *eval_values]))
    error = 4 * math.sqrt((1 - rate) / (rate * max(eval_rows, 1)))
    ratio = before / after if after > 0 else 1.0
    low, high = min(0.8, 0.85 * ratio, 1 - error), max(1.25, 1.15 * ratio, 1 + error)
    moved = not 0.9 < ratio < 1.1 and abs(ratio - 1) > error
    bounds = {"metric": "calibration", "max": _up(high)}
    if -_up(-low) > 0:
        bounds["min"] = -_up(-low)
    return [better, bounds], moved


def _up(value: float) -> float:
    return math.ceil(value * 100 - 1e-9) / 100
