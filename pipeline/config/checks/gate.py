"""Slices of the evaluation and rules of the gate."""

from __future__ import annotations

from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.problems import Path

COMPARABLE: dict[str, tuple[str, ...]] = {
    "binary": ("log_loss", "auc", "pr_auc", "accuracy", "brier"),
    "multiclass": ("log_loss", "accuracy"),
    "regression": ("rmse", "mae"),
}
LIMITED: dict[str, tuple[str, ...]] = {
    "binary": ("calibration", "mean_label", "mean_prediction", "example_count"),
    "multiclass": ("calibration", "mean_prediction", "example_count"),
    "regression": ("bias_ratio", "mean_label", "mean_prediction", "example_count"),
}
RUN_METRICS = ("latency_p50_ms", "latency_p99_ms", "churn")
_SLICES = ("evaluate", "slices")


def metric_names(task: str) -> tuple[str, ...]:
    """Metrics that a rule can name."""
    return (*COMPARABLE[task], *LIMITED[task], *RUN_METRICS)


def check(values: dict[str, Any], report: Report) -> None:
    """Slices of kept columns; rules that say something, about known metrics and slices."""
    slices = values["evaluate"]["slices"]
    known = {*values["features"], *values["data"]["keep"]}
    for index, columns in enumerate(slices):
        where = (*_SLICES, index)
        if not columns:
            report.add(where, "expected at least one column; all rows are evaluated anyway.", columns)
        if columns in slices[:index]:
            report.add(where, "expected every slicing once.", columns)
        for position, name in enumerate(columns):
            if name is not None and name not in known:
                message = "expected a feature or a column of `data.keep`."
                report.add((*where, position), message, name, (name, known), depends=[("features",)])
    rules = values["gate"]["rules"]
    if not rules:
        report.add(
            ("gate", "rules"), "expected at least one rule, so that nothing is pushed unchecked.", rules
        )
    for index, rule in enumerate(rules):
        _rule(("gate", "rules", index), rule, values["task"], slices, report)


def _rule(where: Path, rule: dict[str, Any], task: str | None, slices: list[Any], report: Report) -> None:
    metric, low, high, other = rule["metric"], rule["min"], rule["max"], rule["better_than"]
    limits = [(*where, name) for name in ("min", "max", "better_than")]
    if low is None and high is None and other is None:
        report.add(where, "expected one of `min`, `max` and `better_than`.", depends=limits)
    if low is not None and high is not None and low > high:
        report.add((*where, "min"), f"expected at most `max`, {high}.", low)
    if rule["by_at_least"] and other is None:
        message = "used with `better_than` only."
        report.add((*where, "by_at_least"), message, rule["by_at_least"], depends=limits)
    if task is not None and metric is not None:
        _metric(where, metric, other, task, report)
    columns = rule["slices"]
    if columns is None:
        return
    if columns not in slices:
        names = [", ".join(map(str, known)) for known in slices]
        message = "expected one of `evaluate.slices`: " + ("; ".join(names) or "there are none") + "."
        report.add((*where, "slices"), message, columns, depends=[_SLICES])
    if other == "prior":
        report.add((*where, "slices"), "`better_than: prior` compares all rows; leave it out.", columns)
    if metric in RUN_METRICS:
        report.add((*where, "slices"), f"`{metric}` is measured over all rows; leave it out.", columns)


def _metric(where: Path, metric: str, other: str | None, task: str, report: Report) -> None:
    known = metric_names(task)
    if metric not in known:
        message = f"expected a metric of a {task} task: {', '.join(known)}."
        report.add((*where, "metric"), message, metric, (metric, known), depends=[("task",)])
    elif other is not None and metric not in COMPARABLE[task]:
        message = f"`{metric}` cannot be compared; expected `min` or `max`."
        report.add((*where, "better_than"), message, other)
