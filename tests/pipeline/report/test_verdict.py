"""The outcome of a run in one line, for the page and for the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from pipeline.report.terminal import summary_lines
from pipeline.report.verdict import gate_rows, tally, verdict

Make = Callable[[str], dict[str, Any]]


def shown(view: dict[str, Any], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(summary_lines(view))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_a_refusal_names_the_rules_that_failed(make_view: Make) -> None:
    said = verdict(make_view("refused"))
    assert said.lead == "1 of 12 gate checks failed, so nothing was pushed."
    assert said.reasons == ("auc >= 0.6 in every slice of carrier (carrier=HA): 0.5714 >= 0.6 does not hold",)
    assert said.command == "tandem gate explain 20260114-093012-4f1c --root .tandem"


def test_a_refusal_overall_names_no_slice(make_view: Make) -> None:
    view = make_view("refused")
    view["gate"]["verdicts"][-1].update(
        rule="auc >= 0.8", slice="overall", reason="0.745 >= 0.8 does not hold"
    )
    assert verdict(view).reasons == ("auc >= 0.8: 0.745 >= 0.8 does not hold",)


def test_a_model_that_was_taken_back_is_not_told_as_refused_by_the_gate(make_view: Make) -> None:
    view = make_view("pushed")
    reason = "version 2 with the same digest was denied; change the data or the configuration"
    view["summary"] |= {"status": "not_blessed", "push": {"pushed": False, "reason": reason}}
    said = verdict(view)
    assert (said.title, said.reasons) == ("Not pushed", (reason,))
    assert said.lead == "The gate blessed the model, but the push refused it."


def test_many_failed_rules_are_counted_not_listed(make_view: Make) -> None:
    view = make_view("wide")
    view["summary"]["status"] = "not_blessed"
    for entry in view["gate"]["verdicts"]:
        entry["verdict"] = "fail"
    said = verdict(view)
    assert len(said.reasons) == 6
    assert said.reasons[-1] == "495 more in the gate section"


def test_failed_verdicts_come_first_then_skipped_ones(make_view: Make) -> None:
    order = [row.verdict for row in gate_rows(make_view("refused"))]
    assert order[:3] == ["fail", "skipped", "pass"]
    assert tally(gate_rows(make_view("refused"))) == {"fail": 1, "pass": 10, "skipped": 1}


def test_the_gate_of_the_summary_does_when_there_is_no_gate_file() -> None:
    entry = {"rule": "auc >= 0.5", "slice": "origin=JFK", "value": None, "limit": 0.5, "verdict": "fail"}
    row = gate_rows({"summary": {"gate": [entry]}})[0]
    assert (row.rule, row.slice, row.value) == ("auc >= 0.5", "origin=JFK", "–")


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (
            "pushed",
            ["✓ Pushed version 3", "0.4339", "−0.0099 better", "tandem predict .tandem/serving/flights FILE"],
        ),
        ("refused", ["! Not blessed", "✗ fail", "carrier=HA", "0.5714", "tandem gate explain"]),
        ("failed", ["✗ Failed in check: DATA-001", "XX (~19%)", "logs/check.log", "tandem resume"]),
        ("empty", ["! Not finished"]),
    ],
)
def test_the_terminal_says_what_happened_and_what_is_next(
    make_view: Make, kind: str, lines: list[str]
) -> None:
    text = shown(make_view(kind))
    assert all(line in text for line in lines)


def test_the_terminal_takes_square_brackets_as_they_are(make_view: Make) -> None:
    view = make_view("refused")
    view["gate"]["verdicts"][0]["rule"] = "[bold red]auc[/bold red] [/]"
    text = shown(view)
    assert "[bold red]auc[/bold red] [/]" in text


def test_a_narrow_terminal_is_not_overrun(make_view: Make) -> None:
    assert max(len(line) for line in shown(make_view("pushed"), width=60).splitlines()) <= 60


def test_a_gate_with_many_verdicts_is_shortened_in_the_terminal(make_view: Make) -> None:
    text = shown(make_view("wide"))
    assert "488 further verdicts: 488 pass" in text
