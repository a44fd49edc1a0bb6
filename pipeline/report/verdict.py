"""What became of a run, in one line and one next command; and the verdicts of the gate."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.report.formats import OVERALL, mapping, plain, plural, rows, slice_name

Tone = Literal["good", "warn", "bad"]
ORDER = {"fail": 0, "skipped": 1, "pass": 2}


@dataclasses.dataclass(frozen=True)
class GateRow:
    """One rule on one slice, as text."""

    rule: str
    slice: str
    value: str
    limit: str
    verdict: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The outcome of a run.

    Args:
        tone: `good` for pushed, `warn` for not blessed or unfinished, `bad` for failed.
        title: a few words, for example `Pushed version 3`.
        lead: one sentence that says why.
        reasons: further causes, at most five.
        hint: what to do; empty if nothing is needed.
        command: the next command; empty if none is known.
        log: path of the log file; empty if none is known.
    """

    tone: Tone
    title: str
    lead: str
    reasons: tuple[str, ...] = ()
    hint: str = ""
    command: str = ""
    log: str = ""


def gate_rows(view: Mapping[str, Any]) -> list[GateRow]:
    """Verdicts of the gate: failed ones first, then skipped, then passed; each group in its own order."""
    entries = rows(mapping(view.get("gate")).get("verdicts")) or rows(
        mapping(view.get("summary")).get("gate")
    )
    found = [
        GateRow(
            rule=str(entry.get("rule") or ""),
            slice=slice_name(entry.get("slice")),
            value=plain(entry.get("value")),
            limit=plain(entry.get("limit")),
            verdict=str(entry.get("verdict") or "unknown"),
            reason=str(entry.get("reason") or ""),
        )
        for entry in entries
    ]
    return sorted(found, key=lambda row: ORDER.get(row.verdict, 1))


def tally(gate: list[GateRow]) -> dict[str, int]:
    """Number of verdicts by kind."""
    counts = collections.Counter(row.verdict for row in gate)
    return {
        word: counts[word] for word in dict.fromkeys(("fail", "pass", "skipped", *counts)) if counts[word]
    }


def describe(row: GateRow) -> str:
    """A verdict as one sentence: its reason, or what was compared."""
    where = "" if row.slice == OVERALL else f" ({row.slice})"
    return f"{row.rule}{where}: {row.reason or f'value {row.value}, limit {row.limit}'}"


def _pushed(summary: Mapping[str, Any], gate: list[GateRow]) -> Verdict:
    counts = tally(gate)
    held = f"{plural(counts.get('pass', 0), 'gate check')} held."
    if counts.get("skipped"):
        held = held[:-1] + f"; {counts['skipped']} skipped."
    version = summary.get("pushed_version")
    return Verdict(
        tone="good",
        title=f"Pushed version {version}" if version is not None else "Pushed",
        lead=held if gate else "The model was blessed and pushed.",
        command=str(summary.get("next_command") or ""),
    )


def _refused(summary: Mapping[str, Any], gate: list[GateRow], reasons: list[str]) -> Verdict:
    failed = [describe(row) for row in gate if row.verdict not in ("pass", "skipped")] or reasons
    lead = "The gate refused the model, so nothing was pushed and what was served before stays served."
    refused = str(mapping(summary.get("push")).get("reason") or "")
    title = "Not blessed"
    if not failed and refused:
        # The gate was passed, and the push itself said no: a model that was taken back stays away.
        title, lead, failed = "Not pushed", "The gate blessed the model, but the push refused it.", [refused]
    elif gate and failed:
        lead = f"{len(failed)} of {plural(len(gate), 'gate check')} failed, so nothing was pushed."
    shown = failed[:5]
    if len(failed) > len(shown):
        shown.append(f"{len(failed) - len(shown)} more in the gate section")
    run = summary.get("run_id")
    command = summary.get("next_command") or (f"tandem gate explain {run}" if run else "")
    return Verdict(tone="warn", title=title, lead=lead, reasons=tuple(shown), command=str(command))


def _failed(summary: Mapping[str, Any]) -> Verdict:
    error = mapping(summary.get("error"))
    code, step = error.get("code"), error.get("step")
    run = summary.get("run_id")
    command = error.get("command") or summary.get("next_command") or (f"tandem resume {run}" if run else "")
    return Verdict(
        tone="bad",
        title=(f"Failed in {step}" if step else "Failed") + (f": {code}" if code else ""),
        lead=str(error.get("message") or "The run ended without saying why; the log has the details."),
        hint=str(error.get("hint") or ""),
        command=str(command),
        log=str(error.get("log") or ""),
    )


def verdict(view: Mapping[str, Any]) -> Verdict:
    """The outcome of the run that `view` shows; a view without a summary is unfinished, not broken."""
    summary = mapping(view.get("summary"))
    status = summary.get("status")
    gate = gate_rows(view)
    if status == "pushed":
        return _pushed(summary, gate)
    if status == "not_blessed":
        reasons = mapping(view.get("gate")).get("reasons")
        return _refused(
            summary, gate, [str(reason) for reason in reasons] if isinstance(reasons, list) else []
        )
    if status == "failed":
        return _failed(summary)
    run = summary.get("run_id")
    return Verdict(
        tone="warn",
        title="Not finished",
        lead="This run has no outcome yet, so the report shows what had been recorded when it was made.",
        command=str(summary.get("next_command") or (f"tandem resume {run}" if run else "")),
    )
