"""The decision as a file and as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from components.gate.decision import Decision
from components.gate.rules import is_finite

FILE_NAME = "gate.json"


def to_json(
    decision: Decision, model_digest: str, metrics: Any, dry_run: Any, baseline: Mapping[str, Any]
) -> dict[str, Any]:
    """The contents of `gate.json`.

    Returns:
        `{"blessed", "model_digest", "verdicts", "reasons", "metrics", "dry_run", "baseline"}`; `metrics`
        holds the finite overall metrics of the candidate, `dry_run` the finite numbers of the dry run,
        `baseline` says which model the candidate was compared with (`is_prior`, `version`, `model_digest`)
        and why that was not the blessed one (`unreadable`, `incomparable`).
    """
    candidate = metrics.get("candidate") if isinstance(metrics, Mapping) else None
    overall = candidate.get("overall") if isinstance(candidate, Mapping) else None
    return {
        "blessed": decision.blessed,
        "model_digest": model_digest,
        "verdicts": [dataclasses.asdict(verdict) for verdict in decision.verdicts],
        "reasons": list(decision.reasons),
        "metrics": _finite(overall),
        "dry_run": _finite(dry_run),
        "baseline": dict(baseline),
    }


def explain(gate: Mapping[str, Any]) -> str:
    """Tells in plain text what the gate decided and why.

    Args:
        gate: contents of `gate.json`.

    Returns:
        Lines joined by newlines: the outcome, the reasons, then every verdict with what failed first.
    """
    reasons = list(gate.get("reasons", []))
    verdicts = list(gate.get("verdicts", []))
    lines = [
        f"{'Blessed' if gate.get('blessed') is True else 'Not blessed'}: model {gate.get('model_digest')}"
    ]
    lines += [f"  because {reason}" for reason in reasons]
    order = {"fail": 0, "skipped": 1, "pass": 2}
    verdicts.sort(key=lambda verdict: order.get(verdict.get("verdict"), 0))
    for verdict in verdicts:
        lines.append(
            f"{verdict.get('verdict', '?'):<8}{verdict.get('rule')} [{verdict.get('slice')}] "
            f"value {_number(verdict.get('value'))}, limit {_number(verdict.get('limit'))}: "
            f"{verdict.get('reason')}"
        )
    return "\n".join(lines)


def _finite(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    nested = {str(key): _finite(item) for key, item in value.items() if isinstance(item, Mapping)}
    return nested | {str(key): item for key, item in value.items() if is_finite(item)}


def _number(value: Any) -> str:
    return f"{value:.6g}" if is_finite(value) else "none"
