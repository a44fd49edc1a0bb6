"""Whether a model may be pushed: every rule over the metrics, failing closed."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from components.gate.rules import CHANGE_METRICS, METRICS, Rule, is_finite, parse

OVERALL = "overall"
EQUALITY_RULE = "serving equals training"
_COUNTED = {"exact_match": "sources", "perplexity": "texts"}
"""What the evaluation counts where it has such a metric; `rows` elsewhere."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One condition, decided.

    Args:
        rule: the condition as text.
        slice: `overall`, or the slice as `column=value` joined by `, `.
        value: the value found, none if missing or not finite.
        limit: what it was held against, none if there was nothing.
        verdict: `pass`, `fail` or `skipped`.
        reason: why, in words.
    """

    rule: str
    slice: str
    value: float | None
    limit: float | None
    verdict: Literal["pass", "fail", "skipped"]
    reason: str


@dataclasses.dataclass(frozen=True)
class Decision:
    """The verdicts; blessed if none failed and at least one rule of the configuration passed.

    Args:
        verdicts: in the order of the rules.
        reasons: why the model is not blessed; empty if and only if it is.
    """

    verdicts: tuple[Verdict, ...]
    reasons: tuple[str, ...]

    @property
    def blessed(self) -> bool:
        """Whether the model may be pushed."""
        return not self.reasons


@dataclasses.dataclass(frozen=True)
class _Compared:
    """What `better_than` and metrics of change compare with, or else the verdict on every such rule."""

    blocks: dict[str, Any]
    verdict: Literal["fail", "skipped", ""] = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class _Least:
    """The least size of a slice that is decided, and what it counts."""

    size: int
    counted: str

    def __str__(self) -> str:
        return f"{self.size} {self.counted}"


def decide(
    metrics: Any,
    rules: Any,
    *,
    dry_run: Any,
    tolerance: float,
    min_slice_size: int,
    baseline_is_prior: bool,
    baseline_problem: str = "",
    candidate_is_baseline: bool = False,
    extra: Mapping[str, Any] | None = None,
    problems: Iterable[str] = (),
) -> Decision:
    """Decides every rule; whatever is missing, not finite or of the wrong form fails, and nothing raises.

    `better_than` holds if the value is at least `by_at_least` on the better side of the compared one, and
    strictly better where `by_at_least` is 0. A rule with slices holds for each slice of exactly these columns
    with at least `min_slice_size` rows, of a sequence task sources or texts; at least one such slice must
    exist. Rules against the baseline are skipped while no model is blessed, and when the candidate is itself
    the blessed model; they fail when there is a blessed model that cannot be judged.

    Args:
        metrics: `{"candidate": {"overall": {metric: value}, "slices": [{"slice", "count", "metrics"}]},
            "baseline": the same or none, "prior": {metric: value}}`.
        rules: list of rules as dumped by the configuration; an empty list blesses nothing.
        dry_run: `{"max_abs_difference", "requests", "latency_ms": {"p50", "p99"}}`, or none when it failed.
        tolerance: greatest difference allowed between served and training outputs, lower is stricter.
        min_slice_size: least rows, sources or texts of a slice that is decided, at least 1.
        baseline_is_prior: true when the constant prediction stands in for a blessed model.
        baseline_problem: why there is a blessed model but no comparison with it. Defaults to `""`.
        candidate_is_baseline: true when candidate and baseline have one digest. Defaults to `False`.
        extra: further overall metrics of the candidate, such as `churn`. Defaults to `None`.
        problems: what went wrong while the inputs were gathered; each fails. Defaults to `()`.

    Returns:
        The decision.
    """
    candidate = _blocks(metrics, "candidate")
    latency = _mapping(_mapping(dry_run).get("latency_ms"))
    candidate[OVERALL] = {
        **_mapping(candidate.get(OVERALL)),
        **{f"latency_{name}_ms": value for name, value in latency.items()},
        **(extra or {}),
    }
    baseline = _Compared(_blocks(metrics, "baseline"))
    if baseline_problem:
        baseline = _Compared({}, "fail", baseline_problem)
    elif baseline_is_prior:
        baseline = _Compared({}, "skipped", "no model is blessed yet; the prior stands in")
    elif candidate_is_baseline:
        baseline = _Compared({}, "skipped", "the candidate is the blessed model itself")
    compared = {"baseline": baseline, "prior": _Compared(_prior_blocks(metrics, baseline_is_prior))}
    verdicts = [Verdict("inputs are complete", OVERALL, None, None, "fail", text) for text in problems]
    counted = next((word for metric, word in _COUNTED.items() if metric in candidate[OVERALL]), "rows")
    least = _Least(min_slice_size, counted)
    checks = [v for value in _listed(rules) for v in _decide_rule(value, candidate, compared, least)]
    verdicts += [*checks, _equality(dry_run, tolerance)]
    reasons = [f"{v.rule} ({v.slice}): {v.reason}" for v in verdicts if v.verdict == "fail"]
    if not checks:
        reasons.append("no rules: gate.rules must hold at least one rule")
    elif not reasons and not any(v.verdict == "pass" for v in checks):
        reasons.append("no rule could be decided: add a rule with min, max or better_than: prior")
    return Decision(tuple(verdicts), tuple(reasons))


def _decide_rule(
    value: Any, candidate: dict[str, Any], compared: Mapping[str, _Compared], least: _Least
) -> list[Verdict]:
    try:
        rule = parse(value)
    except ValueError as error:
        return [Verdict("rule can be read", OVERALL, None, None, "fail", str(error))]
    verdicts = []
    for condition in rule.conditions():
        text = rule.describe(condition)
        against = compared[rule.better_than or "baseline"] if condition == "better_than" else None
        relative = against or (compared["baseline"] if rule.metric in CHANGE_METRICS else None)
        if relative and relative.verdict:
            verdicts.append(Verdict(text, OVERALL, None, None, relative.verdict, relative.reason))
        elif not rule.slices:
            other = _mapping(against.blocks.get(OVERALL)) if against else {}
            verdicts.append(_compare(rule, condition, OVERALL, candidate[OVERALL], other))
        else:
            verdicts += _decide_slices(rule, condition, candidate, against, least)
    return verdicts


def _decide_slices(
    rule: Rule, condition: str, candidate: dict[str, Any], against: _Compared | None, least: _Least
) -> list[Verdict]:
    text = rule.describe(condition)
    mine = _slices(candidate, rule.slices)
    theirs = _slices(against.blocks, rule.slices) if against else []
    others = {_name(s): s for s in theirs}
    often = collections.Counter(map(_name, mine)) | collections.Counter(map(_name, theirs))
    verdicts: list[Verdict] = []
    for found in mine:
        name, count = _name(found), found.get("count")
        if often[name] > 1:
            reason = f"{often[name]} slices have this name"
            verdicts.append(Verdict(text, name, None, None, "fail", reason))
        elif not is_finite(count):
            reason = f"the number of {least.counted} is {_show(count)}"
            verdicts.append(Verdict(text, name, None, None, "fail", reason))
        elif count < least.size:
            reason = f"{count:g} {least.counted}, fewer than {least.size}"
            verdicts.append(Verdict(text, name, None, None, "skipped", reason))
        else:
            other = _mapping(_mapping(others.get(name)).get("metrics"))
            verdicts.append(_compare(rule, condition, name, _mapping(found.get("metrics")), other))
    if all(verdict.verdict == "skipped" for verdict in verdicts):
        reason = f"no slice of {' x '.join(rule.slices)} with at least {least}"
        verdicts.append(Verdict(text, OVERALL, None, None, "fail", reason))
    return verdicts


def _compare(
    rule: Rule, condition: str, where: str, candidate: Mapping[str, Any], other: Mapping[str, Any]
) -> Verdict:
    text, value = rule.describe(condition), candidate.get(rule.metric)
    if not is_finite(value):
        return Verdict(text, where, None, None, "fail", f"{rule.metric} is {_show(value)}")
    value = float(value)
    if condition != "better_than":
        limit = float(getattr(rule, condition))
        holds, sign = (value >= limit, ">=") if condition == "min" else (value <= limit, "<=")
    else:
        reference = other.get(rule.metric)
        if not is_finite(reference):
            reason = f"{rule.metric} of the {rule.better_than} is {_show(reference)}"
            return Verdict(text, where, value, None, "fail", reason)
        higher = METRICS[rule.metric] == "higher"
        limit = float(reference) + (rule.by_at_least if higher else -rule.by_at_least)
        strict = rule.by_at_least == 0
        sign = (">" if higher else "<") + ("" if strict else "=")
        holds = (value > limit if higher else value < limit) or (value == limit and not strict)
    reason = f"{value:.6g} {sign} {limit:.6g}" + ("" if holds else " does not hold")
    return Verdict(text, where, value, limit, "pass" if holds else "fail", reason)


def _equality(dry_run: Any, tolerance: float) -> Verdict:
    answers = _mapping(dry_run)
    difference, requests = answers.get("max_abs_difference"), answers.get("requests")
    value = float(difference) if is_finite(difference) else None
    if not answers:
        reason = "the dry run left no result"
    elif value is None:
        reason = f"the greatest difference is {_show(difference)}"
    elif not is_finite(requests) or requests < 1:
        reason = f"the number of requests is {_show(requests)}"
    elif not 0 <= value <= tolerance:
        reason = f"the greatest difference over {requests} requests is {value:.6g}, above {tolerance:g}"
    else:
        reason = f"the greatest difference over {requests} requests is {value:.6g}"
        return Verdict(EQUALITY_RULE, OVERALL, value, tolerance, "pass", reason)
    return Verdict(EQUALITY_RULE, OVERALL, value, tolerance, "fail", reason)


def _blocks(metrics: Any, model: str) -> dict[str, Any]:
    return dict(_mapping(_mapping(metrics).get(model)))


def _prior_blocks(metrics: Any, baseline_is_prior: bool) -> dict[str, Any]:
    """The constant prediction is known by slice only where it stood in as the baseline."""
    slices = _blocks(metrics, "baseline").get("slices") if baseline_is_prior else None
    return {OVERALL: _blocks(metrics, "prior"), "slices": slices}


def _slices(blocks: Mapping[str, Any], columns: Sequence[str]) -> list[Mapping[str, Any]]:
    found = [_mapping(entry) for entry in _listed(blocks.get("slices"))]
    return [entry for entry in found if set(_mapping(entry.get("slice"))) == set(columns)]


def _name(entry: Mapping[str, Any]) -> str:
    return ", ".join(f"{column}={value}" for column, value in sorted(_mapping(entry.get("slice")).items()))


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _show(value: Any) -> str:
    return "missing" if value is None else repr(value)
