"""The report of retrains: churn between them, beside quality and what serving costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.report import charts, page, spread
from pipeline.report.comparison import FIRST, direction
from pipeline.report.formats import ABSENT, count, finite, number, share
from pipeline.report.spread import Cell
from trainer.storage import write_atomic

REFERENCE = "single"
WORDS = {"single": "Single", "codistilled": "Codistilled", "ensemble": "Ensemble of two"}
CLASSES = {"single": "baseline", "codistilled": "candidate", "ensemble": "prior"}
CHURN = {
    "seq2seq": "share of other best hypotheses",
    "language_model": "mean absolute difference, bits per unit",
    "regression": "mean absolute difference, unit of the label",
}
FLIPPED = "decisions flipped"
TIMES = "× "


@dataclasses.dataclass(frozen=True)
class Line:
    """Churn of one kind of training.

    Args:
        kind: as in `WORDS`.
        class_: CSS class of its colour.
        churn: over all pairs.
        against: change from a single training, empty for that itself.
        bar: drawing of the mean.
        flipped: share of the decisions, over all pairs; None for a task without decisions.
        flipped_against: as `against`.
    """

    kind: str
    class_: str
    churn: Cell
    against: str
    bar: Markup
    flipped: Cell | None
    flipped_against: str


@dataclasses.dataclass(frozen=True)
class Cost:
    """Quality of one kind of training, and what its model costs to serve."""

    kind: str
    measures: tuple[Cell | None, ...]
    outcomes: tuple[str, ...]
    parameters: str
    parameters_against: str
    milliseconds: str
    rounds: str
    milliseconds_against: str
    training_seconds: Cell


def churn_name(task: str) -> str:
    """What churn is for a task, in words."""
    return CHURN.get(task, "mean absolute difference of probabilities")


def measures(results: Mapping[str, Any]) -> list[str]:
    """Names of the metrics that every trial has, the main ones first."""
    names = results["trials"][0]["measures"]
    known = [
        name for name in names if all(finite(one["measures"][name]) is not None for one in _trials(results))
    ]
    return sorted(known, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def _trials(results: Mapping[str, Any], kind: str = "") -> list[Mapping[str, Any]]:
    return [one for one in results["trials"] if not kind or one["kind"] == kind]


def _kinds(results: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(one["kind"] for one in results["trials"]))


def _pairs(results: Mapping[str, Any], kind: str, name: str) -> Cell | None:
    values = [finite(pair[name]) for pair in results["pairs"] if pair["kind"] == kind]
    known = tuple(value for value in values if value is not None)
    shares = name == "decisions_flipped" or results["task"] == "seq2seq"
    return Cell(known, share if shares else number) if known else None


def relative(own: float, other: float) -> str:
    """How much more or less, in per cent of the other: `−38%`; empty where the other is 0."""
    if other == 0:
        return ""
    per_cent = 100.0 * (own / other - 1.0)
    return f"{per_cent:+.0f}%".replace("-", "−")


def churn(results: Mapping[str, Any]) -> list[Line]:
    """Churn by kind, single trainings first."""
    every = {kind: _churn(results, kind) for kind in _kinds(results)}
    single = every[REFERENCE]
    most = max(cell.mean for cell in every.values()) or 1.0
    flipped = {kind: _pairs(results, kind, "decisions_flipped") for kind in every}
    base = flipped[REFERENCE]
    made = []
    for kind, cell in every.items():
        other, decided = kind != REFERENCE, flipped[kind]
        made.append(
            Line(
                WORDS[kind],
                CLASSES[kind],
                cell,
                relative(cell.mean, single.mean) if other else "",
                charts.bar(cell.mean / most, CLASSES[kind]),
                decided,
                relative(decided.mean, base.mean) if other and decided and base else "",
            )
        )
    return made


def _churn(results: Mapping[str, Any], kind: str) -> Cell:
    found = _pairs(results, kind, "churn")
    assert found is not None
    return found


def outcome(metric: str, task: str, own: Cell, other: Cell) -> str:
    """`better`, `worse` or `same`, retrain by retrain, see `pipeline.report.spread.outcome`."""
    sign = 1 if direction(metric, task) == "higher" else -1
    return spread.outcome([sign * (one - two) for one, two in zip(own.values, other.values, strict=True)])


def costs(results: Mapping[str, Any]) -> list[Cost]:
    """Quality and cost by kind, single trainings first."""
    names, task, serving = measures(results), results["task"], results["serving"]
    cells = {
        kind: [Cell(tuple(one["measures"][name] for one in _trials(results, kind))) for name in names]
        for kind in _kinds(results)
    }
    size = {kind: _trials(results, kind)[0]["parameters"] for kind in cells}
    made = []
    for kind, found in cells.items():
        other = kind != REFERENCE
        compared = [
            outcome(name, task, own, single)
            for name, own, single in zip(names, found, cells[REFERENCE], strict=True)
        ]
        taken = serving[kind]["milliseconds"]
        made.append(
            Cost(
                WORDS[kind],
                tuple(found),
                tuple(compared) if other else ("",) * len(names),
                count(size[kind]),
                _times(size[kind], size[REFERENCE]) if other else "",
                number(taken),
                Cell(tuple(serving[kind]["rounds"])).spread,
                _times(taken, serving[REFERENCE]["milliseconds"]) if other else "",
                Cell(tuple(one["seconds"] for one in _trials(results, kind))),
            )
        )
    return made


def _times(own: float, other: float) -> str:
    return f"{TIMES}{own / other:.2f}" if other else ""


def verdict(results: Mapping[str, Any]) -> list[str]:
    """A sentence for churn, one for quality and one for cost of each kind but single trainings."""
    task, names = results["task"], measures(results)
    lines, priced = churn(results), costs(results)
    single, said = lines[0], []
    for line, cost in zip(lines[1:], priced[1:], strict=True):
        told = f"{line.kind}: churn {line.churn.text} against {single.churn.text} of single trainings"
        told += f" ({line.against})" if line.against else ""
        if line.flipped and single.flipped and task != "seq2seq":
            told += f"; {line.flipped.text} of the decisions flip against {single.flipped.text}"
            told += f" ({line.flipped_against})" if line.flipped_against else ""
        said.append(f"{told}.")
        groups = {
            word: [name for name, found in zip(names, cost.outcomes, strict=True) if found == word]
            for word in ("better", "worse")
        }
        quality = [f"{word} in {', '.join(found)}" for word, found in groups.items() if found]
        level = "level with single trainings within the retrains"
        size, time = (
            text.removeprefix(TIMES) for text in (cost.parameters_against, cost.milliseconds_against)
        )
        price = f"{size} times the weights and {time} times the time of one"
        said.append(f"{line.kind}: {'; '.join(quality) or level}. Serving it costs {price}.")
    if len(results["seeds"]) < 3:
        said.append("Two retrains make one pair, which has no spread. Give --retrains 3 or more.")
    return said


def lines(results: Mapping[str, Any]) -> list[str]:
    """The table as text: a row for each measure, a column for each kind."""
    found, priced, task = churn(results), costs(results), results["task"]
    marks = {"better": " +", "worse": " -", "same": "", "": ""}
    rows = [("", *(line.kind for line in found))]
    rows.append(("churn", *(_marked(line.churn.text, line.against) for line in found)))
    # Of texts the share of other hypotheses is both.
    if found[0].flipped is not None and task != "seq2seq":
        cells = [line.flipped.text if line.flipped else ABSENT for line in found]
        against = [line.flipped_against for line in found]
        rows.append((FLIPPED, *map(_marked, cells, against)))
    for index, name in enumerate(measures(results)):
        values = [(cost.measures[index], cost.outcomes[index]) for cost in priced]
        rows.append((name, *(f"{cell.text if cell else ABSENT}{marks[word]}" for cell, word in values)))
    rows.append(("parameters", *(_marked(cost.parameters, cost.parameters_against) for cost in priced)))
    rows.append(
        (
            "ms per 1,000 predictions",
            *(_marked(cost.milliseconds, cost.milliseconds_against) for cost in priced),
        )
    )
    width = max(len(row[0]) for row in rows)
    said = [f"{row[0]:<{width}}" + "".join(f"{cell:>22}" for cell in row[1:]) for row in rows]
    pairs = len(results["seeds"]) * (len(results["seeds"]) - 1) // 2
    return [
        *said,
        f"churn: {churn_name(task)} between two retrains, mean over {pairs} pair{'s' * (pairs != 1)} each",
        "+ better, - worse than single: 95% interval of the differences retrain by retrain",
    ]


def _marked(value: str, against: str) -> str:
    return f"{value} ({against})" if against else value


def every_pair(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Each pair of retrains: kind, seeds, churn and share of flipped decisions."""
    return [
        (
            WORDS[pair["kind"]],
            " and ".join(str(seed) for seed in pair["seeds"]),
            number(pair["churn"]),
            share(pair["decisions_flipped"]),
        )
        for pair in results["pairs"]
    ]


def every_trial(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Each training: kind, seeds, its measures and its time."""
    return [
        (
            WORDS[one["kind"]],
            ", ".join(str(seed) for seed in one["seeds"]),
            *(number(one["measures"][name]) for name in measures(results)),
            number(one["seconds"]),
        )
        for one in results["trials"]
    ]


def facts(results: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Settings of the groups; without those that were left to the trainer."""
    given = dict(results["codistillation"]).items()
    return [(name.replace("_", " "), str(value)) for name, value in given if value is not None]


def render(results: Mapping[str, Any]) -> str:
    """The report of an experiment as HTML that loads nothing; every value is escaped."""
    return page.document(
        "churn.html.j2",
        results=results,
        rows=list(results["rows"].items()),
        retrains=len(results["seeds"]),
        pair_count=len(results["seeds"]) * (len(results["seeds"]) - 1) // 2,
        churn_name=churn_name(results["task"]),
        verdict=verdict(results),
        churn=churn(results),
        flipped=churn(results)[0].flipped is not None and results["task"] != "seq2seq",
        heads=measures(results),
        costs=costs(results),
        batch=results["serving"][REFERENCE]["batch"],
        pairs=every_pair(results),
        trials=every_trial(results),
        facts=facts(results),
    )


def write(results: Mapping[str, Any], path: Path) -> None:
    """Writes the report, whole or not at all."""
    write_atomic(path, render(results))
