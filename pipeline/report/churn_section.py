"""The section about churn: how far the candidate's predictions are from those of the served model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report import comparison
from pipeline.report.formats import finite, mapping, number, share
from pipeline.report.verdict import GateRow

METRICS = ("churn", "decisions_flipped")
MEANING = {
    "churn": "mean absolute difference of the predictions, lower is steadier",
    "decisions_flipped": "share of the rows about which both models decide differently",
}
SEQUENCES = {
    "seq2seq": "share of the sources whose best hypothesis is another, lower is steadier",
    "language_model": "mean absolute difference of bits per unit, lower is steadier",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One measure.

    Args:
        metric: as rules of the gate name it.
        value: as text.
        meaning: in words.
        verdicts: of the gate's rules about it, each with its rule and its verdict.
    """

    metric: str
    value: str
    meaning: str
    verdicts: tuple[tuple[str, str], ...]


def _value(view: Mapping[str, Any], metric: str) -> float | None:
    if comparison.baseline_is_prior(view):
        return None
    return finite(mapping(view.get("metrics")).get(metric))


def rows(view: Mapping[str, Any], gate: Sequence[GateRow]) -> list[Row]:
    """What was measured against the blessed model; empty if there was none to compare with.

    Args:
        view: of the run.
        gate: its verdicts.
    """
    task = comparison.task_of(view)
    made = []
    for metric in METRICS:
        value = _value(view, metric)
        # Of sequences both are one number: the decision is the best hypothesis.
        if value is None or (metric != "churn" and task == "seq2seq"):
            continue
        names = METRICS if task == "seq2seq" else (metric,)
        shown = share(value) if metric != "churn" or task == "seq2seq" else number(value)
        meaning = SEQUENCES.get(task, MEANING[metric])
        verdicts = tuple((row.rule, row.verdict) for row in gate if row.rule.partition(" ")[0] in names)
        made.append(Row(metric, shown, meaning, verdicts))
    return made


def words(view: Mapping[str, Any]) -> str:
    """What the churn says, as a sentence; empty without one."""
    task, value = comparison.task_of(view), _value(view, "churn")
    flipped = _value(view, "decisions_flipped")
    if value is None:
        return ""
    if task == "seq2seq":
        return f"For {share(value)} of the sources the best hypothesis is not that of the baseline."
    if task == "language_model":
        return f"Bits per unit differ from those of the baseline by {number(value)} on average."
    told = f"Predictions differ from those of the baseline by {number(value)} on average"
    return told + ("." if flipped is None else f", and {share(flipped)} of the decisions are other ones.")
