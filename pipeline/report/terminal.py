"""The summary for a terminal: the verdict, the metrics, the gate, the log and what is next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.config.problems import visible
from pipeline.report import comparison
from pipeline.report.formats import metric, number, plural
from pipeline.report.verdict import GateRow, gate_rows, tally, verdict

TONES = {"good": "green", "warn": "yellow", "bad": "red"}
MARKS = {"good": "✓", "warn": "!", "bad": "✗"}
OUTCOMES = {"better": "green", "worse": "red"}
VERDICTS = {"pass": ("✓ pass", "green"), "fail": ("✗ fail", "red"), "skipped": ("– skipped", "dim")}
MOST_ROWS = 12


def _text(text: str, **options: Any) -> Text:
    """Names from data may hold square brackets, so never a markup string, and codes that a terminal obeys."""
    return Text(visible(text), **options)


def _banner(view: Mapping[str, Any]) -> Panel:
    said = verdict(view)
    lines = [_text(f"{MARKS[said.tone]} {said.title}", style=f"bold {TONES[said.tone]}"), _text(said.lead)]
    lines += [_text(f"• {reason}") for reason in said.reasons]
    if said.hint:
        lines.append(_text(said.hint))
    return Panel(Group(*lines), box=box.ROUNDED, border_style=TONES[said.tone], padding=(0, 1))


def _metrics(view: Mapping[str, Any]) -> Table | None:
    shown = [one for one in comparison.overall(view).values() if one.hint]
    if not shown:
        return None
    with_baseline = any(one.baseline is not None for one in shown)
    with_prior = any(one.prior is not None for one in shown)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("metric")
    table.add_column("candidate", justify="right")
    for present, name in ((with_baseline, "baseline"), (with_prior, "prior")):
        if present:
            table.add_column(name, justify="right")
            table.add_column("change", justify="right")
    for one in shown:
        cells = [_text(one.metric), _text(metric(one.candidate, one.metric), style="bold")]
        for present, value, change in (
            (with_baseline, one.baseline, one.from_baseline),
            (with_prior, one.prior, one.from_prior),
        ):
            if present:
                word = f" {change.outcome}" if change.outcome else ""
                moved = _text(
                    number(change.amount, signed=True) + word, style=OUTCOMES.get(change.outcome, "")
                )
                cells += [_text(metric(value, one.metric)), moved]
        table.add_row(*cells)
    return table


def _gate(gate: list[GateRow]) -> list[RenderableType]:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("gate")
    table.add_column("rule")
    table.add_column("slice")
    table.add_column("value", justify="right")
    table.add_column("limit", justify="right")
    shown = gate[:MOST_ROWS]
    for row in shown:
        word, style = VERDICTS.get(row.verdict, (row.verdict, "yellow"))
        table.add_row(
            _text(word, style=style), _text(row.rule), _text(row.slice), _text(row.value), _text(row.limit)
        )
    parts: list[RenderableType] = [table]
    if len(gate) > len(shown):
        counts = ", ".join(f"{amount} {word}" for word, amount in tally(gate[len(shown) :]).items())
        parts.append(_text(f"{plural(len(gate) - len(shown), 'further verdict')}: {counts}", style="dim"))
    return parts


def summary_lines(view: Mapping[str, Any]) -> Group:
    """The summary of a run for a terminal.

    Args:
        view: as for `pipeline.report.page.render`.

    Returns:
        A rich renderable; without colours it reads as plain text.
    """
    parts: list[RenderableType] = [_banner(view)]
    table = _metrics(view)
    if table is not None:
        parts.append(table)
    gate = gate_rows(view)
    if gate:
        parts += _gate(gate)
    said = verdict(view)
    places = [(name, text) for name, text in (("log", said.log), ("next", said.command)) if text]
    if places:
        grid = Table.grid(padding=(0, 2))
        for name, text in places:
            grid.add_row(
                _text(name, style="dim"), _text(text, style="bold" if name == "next" else "", overflow="fold")
            )
        parts.append(grid)
    return Group(*parts)
