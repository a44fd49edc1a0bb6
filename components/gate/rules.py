"""The rules of the gate as plain data, and the metrics they may speak of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypeGuard

Direction: TypeAlias = Literal["higher", "lower", None]

METRICS: dict[str, Direction] = {
    "log_loss": "lower",
    "auc": "higher",
    "pr_auc": "higher",
    "accuracy": "higher",
    "brier": "lower",
    "rmse": "lower",
    "mae": "lower",
    "wer": "lower",
    "per": "lower",
    "exact_match": "higher",
    "bleu": "higher",
    "chrf": "higher",
    "perplexity": "lower",
    "bits_per_unit": "lower",
    "latency_p50_ms": "lower",
    "latency_p99_ms": "lower",
    "calibration": None,
    "bias_ratio": None,
    "churn": None,
    "decisions_flipped": None,
    "example_count": None,
    "mean_label": None,
    "mean_prediction": None,
    "length_ratio": None,
    "int8_wer_change": None,
    "int8_per_change": None,
    "int8_bleu_change": None,
    "int8_perplexity_change": None,
    "int8_size_ratio": None,
    "int8_speed_ratio": None,
}
"""Which values of a metric are better; none has no better side and is held by `min` and `max` alone."""

CHANGE_METRICS = frozenset({"churn", "decisions_flipped"})
"""Metrics that compare with the blessed model and mean nothing without one."""

_KEYS = {"metric", "min", "max", "better_than", "by_at_least", "slices"}


@dataclasses.dataclass(frozen=True)
class Rule:
    """One condition, checked.

    Args:
        metric: metric name.
        min: least allowed value, none for no such limit. Defaults to `None`.
        max: greatest allowed value, none for no such limit. Defaults to `None`.
        better_than: `prior` or `baseline`. Defaults to `None`.
        by_at_least: least improvement over it; with `0` it must be strictly better. Defaults to `0.0`.
        slices: columns of the slicing the rule holds for; empty for all rows. Defaults to `()`.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    better_than: str | None = None
    by_at_least: float = 0.0
    slices: tuple[str, ...] = ()

    def conditions(self) -> list[str]:
        """The parts of the rule that are decided one by one: among `min`, `max`, `better_than`."""
        return [part for part in ("min", "max", "better_than") if getattr(self, part) is not None]

    def describe(self, condition: str) -> str:
        """One condition as text, for example `auc >= 0.7 in every slice of origin`."""
        where = f" in every slice of {' x '.join(self.slices)}" if self.slices else ""
        if condition == "better_than":
            margin = f" by at least {self.by_at_least:g}" if self.by_at_least else ""
            return f"{self.metric} better than {self.better_than}{margin}{where}"
        return f"{self.metric} {'>=' if condition == 'min' else '<='} {getattr(self, condition):g}{where}"


def parse(value: Any) -> Rule:
    """Reads a rule as the configuration dumps it.

    Raises:
        ValueError: if it is no mapping, has an unknown key, a wrong type, a limit that is not finite, no
            condition, or asks for better where no value is better.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"a rule must be a mapping. Received: rule={value!r}")
    if unknown := sorted(map(str, set(value) - _KEYS)):
        raise ValueError(f"a rule has keys among {sorted(_KEYS)}. Received: {unknown}")
    metric, slices = value.get("metric"), value.get("slices") or []
    if not isinstance(metric, str) or not metric:
        raise ValueError(f"a rule must name a metric. Received: metric={metric!r}")
    if not isinstance(slices, list | tuple) or not all(isinstance(column, str) for column in slices):
        raise ValueError(f"slices must be a list of columns. Received: slices={slices!r}")
    for key in ("min", "max", "by_at_least"):
        if value.get(key) is not None and not is_finite(value[key]):
            raise ValueError(f"{key} must be a finite number. Received: {key}={value[key]!r}")
    better_than = value.get("better_than")
    if better_than not in (None, "prior", "baseline"):
        raise ValueError(f"better_than must be prior or baseline. Received: better_than={better_than!r}")
    if better_than is not None and METRICS.get(metric) is None:
        raise ValueError(f"no value of {metric} is better than another; use min and max")
    rule = Rule(
        metric,
        value.get("min"),
        value.get("max"),
        better_than,
        value.get("by_at_least") or 0.0,
        tuple(slices),
    )
    if not rule.conditions():
        raise ValueError(f"a rule needs min, max or better_than. Received: rule={dict(value)!r}")
    return rule


def is_finite(value: Any) -> TypeGuard[float]:
    """Tells a finite number from everything else; booleans are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
