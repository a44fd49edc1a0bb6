"""Candidate, baseline and prior side by side: which way each metric is better, and by how much."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.report.formats import finite, mapping, rows, slice_name

Direction = Literal["lower", "higher", "target", "none"]
Outcome = Literal["better", "worse", "same", ""]

DIRECTIONS: dict[str, Direction] = {
    "log_loss": "lower",
    "brier": "lower",
    "rmse": "lower",
    "mae": "lower",
    "wer": "lower",
    "per": "lower",
    "perplexity": "lower",
    "bits_per_unit": "lower",
    "auc": "higher",
    "pr_auc": "higher",
    "accuracy": "higher",
    "exact_match": "higher",
    "bleu": "higher",
    "chrf": "higher",
    "calibration": "target",
    "bias_ratio": "target",
    "length_ratio": "target",
}
FIRST = ("log_loss", "rmse", "auc", "accuracy", "mae", "wer", "per", "exact_match", "bleu", "perplexity")
HINTS: dict[Direction, str] = {
    "lower": "lower is better",
    "higher": "higher is better",
    "target": "best at {target}",
    "none": "",
}


@dataclasses.dataclass(frozen=True)
class Change:
    """Candidate minus another model, and whether that is good; `amount` is `None` if either is unknown."""

    amount: float | None
    outcome: Outcome


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One metric of one set of rows in all models."""

    metric: str
    hint: str
    candidate: float | None
    baseline: float | None
    prior: float | None
    lower: float | None
    upper: float | None
    from_baseline: Change
    from_prior: Change


@dataclasses.dataclass(frozen=True)
class Slice:
    """One slice: its columns, its name, its rows and its metrics."""

    columns: tuple[str, ...]
    name: str
    count: float | None
    comparisons: Mapping[str, Comparison]


def target(metric: str, task: str) -> float:
    """The best value of a metric that is best at one value: 1 for ratios, among them binary `calibration`."""
    ratio = metric == "length_ratio" or (metric == "calibration" and task == "binary")
    return 1.0 if ratio else 0.0


def direction(metric: str, task: str) -> Direction:
    """Which way `metric` is better; multiclass `calibration` is an error and so better when lower."""
    if metric == "calibration" and task == "multiclass":
        return "lower"
    return DIRECTIONS.get(metric, "none")


def change(metric: str, task: str, candidate: float | None, other: float | None) -> Change:
    """Compares two values of `metric`.

    Example:
        >>> change("auc", "binary", 0.75, 0.5)
        Change(amount=0.25, outcome='better')
        >>> change("calibration", "binary", 1.5, 1.25).outcome
        'worse'
    """
    if candidate is None or other is None:
        return Change(None, "")
    way = direction(metric, task)
    if way == "none":
        return Change(candidate - other, "")
    if way == "target":
        best = target(metric, task)
        gain = abs(other - best) - abs(candidate - best)
    else:
        gain = candidate - other if way == "higher" else other - candidate
    outcome: Outcome = "same" if gain == 0 else ("better" if gain > 0 else "worse")
    return Change(candidate - other, outcome)


def compare(
    task: str,
    candidate: Mapping[str, Any],
    baseline: Mapping[str, Any],
    prior: Mapping[str, Any],
    confidence: Mapping[str, Any],
) -> dict[str, Comparison]:
    """All metrics with a direction first, the descriptive ones (`mean_label`, ...) after them."""
    names = dict.fromkeys([*candidate, *baseline, *prior])
    ranked = sorted(
        names,
        key=lambda name: (
            direction(name, task) == "none",
            FIRST.index(name) if name in FIRST else len(FIRST),
        ),
    )
    found: dict[str, Comparison] = {}
    for name in ranked:
        mine, theirs, constant = (
            finite(candidate.get(name)),
            finite(baseline.get(name)),
            finite(prior.get(name)),
        )
        way = direction(name, task)
        found[name] = Comparison(
            metric=name,
            hint=HINTS[way].format(target=f"{target(name, task):g}"),
            candidate=mine,
            baseline=theirs,
            prior=constant,
            lower=finite(mapping(confidence.get("lower")).get(name)),
            upper=finite(mapping(confidence.get("upper")).get(name)),
            from_baseline=change(name, task, mine, theirs),
            from_prior=change(name, task, mine, constant),
        )
    return found


def task_of(view: Mapping[str, Any]) -> str:
    """As in the config, such as `binary` or `seq2seq`; empty if the view does not say."""
    return str(mapping(view.get("summary")).get("task") or view.get("task") or "")


def example_of(task: str) -> str:
    """What one example of the evaluation is: a `row`, or of sequences a `source` or `text`."""
    return {"seq2seq": "source", "language_model": "text"}.get(task, "row")


def _measured(view: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(view.get("metrics")) or mapping(mapping(view.get("summary")).get("metrics"))


def _model(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    model = mapping(metrics.get(name))
    # A summary keeps the overall values flat; the metrics file nests them beside the slices.
    return model if not model or "overall" in model or "slices" in model else {"overall": model}


def baseline_is_prior(view: Mapping[str, Any]) -> bool:
    """No blessed model yet: the baseline is the constant prediction, shown once, as prior."""
    return bool(_measured(view).get("baseline_is_prior"))


def overall(view: Mapping[str, Any]) -> dict[str, Comparison]:
    """Metrics over all rows of the eval split; empty if none were measured."""
    metrics = _measured(view)
    candidate = _model(metrics, "candidate")
    baseline = {} if baseline_is_prior(view) else mapping(_model(metrics, "baseline").get("overall"))
    return compare(
        task_of(view),
        mapping(candidate.get("overall")),
        baseline,
        mapping(metrics.get("prior")),
        mapping(candidate.get("confidence")),
    )


def slices(view: Mapping[str, Any]) -> dict[tuple[str, ...], list[Slice]]:
    """Slices by the columns they are made of, those with most rows first."""
    metrics = _measured(view)
    baselines: dict[str, Mapping[str, Any]] = {}
    if not baseline_is_prior(view):
        for entry in rows(_model(metrics, "baseline").get("slices")):
            baselines[slice_name(entry.get("slice"))] = mapping(entry.get("metrics"))
    groups: dict[tuple[str, ...], list[Slice]] = {}
    for entry in rows(_model(metrics, "candidate").get("slices")):
        key = mapping(entry.get("slice"))
        name, mine = slice_name(entry.get("slice")), mapping(entry.get("metrics"))
        if not key:
            continue
        rows_count = finite(entry.get("count"))
        compared = compare(task_of(view), mine, baselines.get(name, {}), {}, mapping(entry.get("confidence")))
        columns = tuple(str(column) for column in key)
        label = ", ".join(str(value) for value in key.values())
        groups.setdefault(columns, []).append(
            Slice(
                columns,
                label,
                rows_count if rows_count is not None else finite(mine.get("example_count")),
                compared,
            )
        )
    for members in groups.values():
        members.sort(key=lambda one: -(one.count or 0.0))
    return groups


def main_metric(names: Mapping[str, Comparison]) -> str | None:
    """The metric that charts and key figures show: the first with a direction."""
    return next((name for name, one in names.items() if one.hint), None)
