"""Slices of the evaluation and rules of the gate."""

from __future__ import annotations

from typing import Any

from pipeline.config.checks.report import Report
from pipeline.config.problems import Path
from pipeline.config.sequence import SEQUENCE_TASKS

COMPARABLE: dict[str, tuple[str, ...]] = {
    "binary": ("log_loss", "auc", "pr_auc", "accuracy", "brier"),
    "multiclass": ("log_loss", "accuracy"),
    "regression": ("rmse", "mae"),
    "seq2seq": ("wer", "per", "exact_match", "bleu", "chrf"),
    "language_model": ("perplexity", "bits_per_unit"),
}
LIMITED: dict[str, tuple[str, ...]] = {
    "binary": ("calibration", "mean_label", "mean_prediction", "example_count"),
    "multiclass": ("calibration", "mean_prediction", "example_count"),
    "regression": ("bias_ratio", "mean_label", "mean_prediction", "example_count"),
    "seq2seq": ("length_ratio", "example_count"),
    "language_model": ("example_count",),
}
QUANTISATION: dict[str, tuple[str, ...]] = {
    "seq2seq": ("int8_wer_change", "int8_per_change", "int8_bleu_change"),
    "language_model": ("int8_perplexity_change",),
}
"""Of an int8 export, beside the ratios of size and speed: its quality minus that of the float32 model."""
RATIOS = ("int8_size_ratio", "int8_speed_ratio")
RUN_METRICS = ("latency_p50_ms", "latency_p99_ms", "churn")
DECIDING = ("binary", "multiclass", "seq2seq")
"""Tasks whose predictions are decisions, of which a share may flip."""
FLIPPED = "decisions_flipped"
SOURCE_LENGTH = "source_length"
"""A column of the scored examples of a sequence task that no file has."""
_SLICES = ("evaluate", "slices")


def metric_names(task: str) -> tuple[str, ...]:
    """Metrics that a rule can name."""
    quantised = (*QUANTISATION[task], *RATIOS) if task in QUANTISATION else ()
    flipped = (FLIPPED,) if task in DECIDING else ()
    return (*COMPARABLE[task], *LIMITED[task], *RUN_METRICS, *flipped, *quantised)


def check(values: dict[str, Any], report: Report) -> None:
    """Slices of kept columns; rules that say something, about known metrics and slices."""
    slices = values["evaluate"]["slices"]
    known = {*values["features"], *values["data"]["keep"]}
    if values["task"] in SEQUENCE_TASKS:
        known = {*values["data"]["keep"], SOURCE_LENGTH}
    for index, columns in enumerate(slices):
        where = (*_SLICES, index)
        if not columns:
            report.add(where, "expected at least one column; all rows are evaluated anyway.", columns)
        if columns in slices[:index]:
            report.add(where, "expected every slicing once.", columns)
        for position, name in enumerate(columns):
            if name is not None and name not in known:
                message = "expected a feature or a column of `data.keep`."
                if values["task"] in SEQUENCE_TASKS:
                    message = f"expected a column of `data.keep`, or `{SOURCE_LENGTH}`."
                report.add((*where, position), message, name, (name, known), depends=[("features",)])
    if values["task"] in SEQUENCE_TASKS and SOURCE_LENGTH in values["data"]["keep"]:
        where = ("data", "keep", values["data"]["keep"].index(SOURCE_LENGTH))
        report.add(where, "expected another name: slices have a column of this name.", SOURCE_LENGTH)
    rules = values["gate"]["rules"]
    if not rules:
        report.add(
            ("gate", "rules"), "expected at least one rule, so that nothing is pushed unchecked.", rules
        )
    for index, rule in enumerate(rules):
        _rule(("gate", "rules", index), rule, values["task"], slices, report)
        _quantised(("gate", "rules", index), rule, values["model"]["sequence"], report)


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
    if metric in (*RUN_METRICS, FLIPPED) or (
        task in QUANTISATION and metric in (*QUANTISATION[task], *RATIOS)
    ):
        report.add((*where, "slices"), f"`{metric}` is measured over all rows; leave it out.", columns)


def _quantised(where: Path, rule: dict[str, Any], model: dict[str, Any] | None, report: Report) -> None:
    kind = (model or {}).get("quantisation")
    metric = rule["metric"]
    if kind == "none" and metric in {*RATIOS, *(name for names in QUANTISATION.values() for name in names)}:
        message = "measured for an int8 export only; expected `model.sequence.quantisation` to be on."
        report.add((*where, "metric"), message, metric, depends=[("model", "sequence", "quantisation")])


def _metric(where: Path, metric: str, other: str | None, task: str, report: Report) -> None:
    known = metric_names(task)
    if metric not in known:
        message = f"expected a metric of a {task} task: {', '.join(known)}."
        report.add((*where, "metric"), message, metric, (metric, known), depends=[("task",)])
    elif other is not None and metric not in COMPARABLE[task]:
        message = f"`{metric}` cannot be compared; expected `min` or `max`."
        report.add((*where, "better_than"), message, other)
