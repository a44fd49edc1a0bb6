"""The page of caught and missed poisons, from their outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.faults.poisoned.outcomes import Outcome
from tests.faults.poisoned.poisons import Poison

PAGE = Path(__file__).resolve().parents[3] / "docs" / "poisoned_data.md"
MARKS = ("<!-- outcomes -->\n", "<!-- end of outcomes -->\n")
VERDICTS = {
    "stopped": "stopped before training",
    "refused": "not pushed",
    "harmless": "does not matter",
    "missed": "**missed**",
}


def line(poison: Poison, outcome: Outcome, limited: bool | None) -> str:
    """One row of the table.

    Args:
        poison: the poison.
        outcome: what became of it.
        limited: whether a limit of drift stops what nothing else stops; `None` where that is not asked.
    """
    drift = {None: "", True: "stopped", False: "not stopped"}[limited]
    cells = (poison.name, poison.dose, VERDICTS[outcome.verdict], outcome.by, drift)
    return "| " + " | ".join(cells) + " |"


def table(rows: Mapping[Poison, tuple[Outcome, bool | None]]) -> str:
    """All rows, with their head."""
    head = ["| poison | dose | outcome | by | with `check.drift.drift: 0.1` |", "|---|---|---|---|---|"]
    return "\n".join(head + [line(poison, *found) for poison, found in rows.items()]) + "\n"


def committed() -> str:
    """The table that the page has."""
    return PAGE.read_text().split(MARKS[0])[1].split(MARKS[1])[0]


def write(made: str) -> None:
    """Puts a table in place of the one that the page has."""
    before, rest = PAGE.read_text().split(MARKS[0])
    PAGE.write_text(before + MARKS[0] + made + MARKS[1] + rest.split(MARKS[1])[1])
