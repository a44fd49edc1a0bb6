"""The report of an experiment with flipped labels: a table and a plot for each measure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.report import charts, page, spread
from pipeline.report.formats import number
from pipeline.report.spread import Cell
from trainer.storage import write_atomic

HIGHER = frozenset({"auc", "accuracy"})
MEASURES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "log_loss_calibrated": "calibrated log loss",
    "calibration_error": "calibration error",
    "calibration": "predicted over true",
}
CLASSES = {"logistic": "baseline", "bi-tempered": "candidate", "bi-tempered, chosen": "prior"}


@dataclasses.dataclass(frozen=True)
class Line:
    """One loss at one share of flipped labels."""

    flip: str
    loss: str
    temperatures: str
    cells: tuple[Cell, ...]
    outcomes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Plot:
    """A measure against the share of flipped labels."""

    title: str
    drawing: Markup
    caption: str


def share(flip: float) -> str:
    """A share as per cent: `20%`."""
    return f"{100 * flip:.3g}%"


def _cells(results: Mapping[str, Any]) -> dict[tuple[float, str], dict[str, Cell]]:
    """Measures over the seeds by share and loss, in the order of the trials."""
    grouped: dict[tuple[float, str], list[Mapping[str, float]]] = {}
    for trial in results["trials"]:
        grouped.setdefault((trial["flip"], trial["loss"]["name"]), []).append(trial["measures"])
    return {
        key: {name: Cell(tuple(one[name] for one in found)) for name in MEASURES if name in found[0]}
        for key, found in grouped.items()
    }


def outcome(measure: str, own: Cell, other: Cell) -> str:
    """`better` or `worse` where the 95% interval of the differences seed by seed leaves 0 out, else `same`.

    With one seed, the same flips, initial weights and order are both losses', so that only the loss differs.

    Args:
        measure: name; less is better except for `HIGHER`, and `calibration` should be 1.
        own: values by seed.
        other: those of the same seeds.
    """
    pairs = list(zip(own.values, other.values, strict=True))
    if measure == "calibration":
        pairs = [(abs(one - 1), abs(two - 1)) for one, two in pairs]
    return spread.outcome([(one - two) * (1 if measure in HIGHER else -1) for one, two in pairs])


def measures(results: Mapping[str, Any]) -> list[str]:
    """Names of the measures of a task, in the order of the table."""
    return [name for name in MEASURES if name in results["trials"][0]["measures"]]


def table(results: Mapping[str, Any]) -> list[Line]:
    """One line for each share and loss; the bi-tempered ones say how they compare with the logistic one."""
    cells, names = _cells(results), measures(results)
    temperatures = {
        (trial["flip"], trial["loss"]["name"]): f"({trial['loss']['t1']:g}, {trial['loss']['t2']:g})"
        for trial in results["trials"]
    }
    made = []
    for (flip, loss), found in cells.items():
        logistic = cells[flip, "logistic"]
        compared = [outcome(name, found[name], logistic[name]) for name in names]
        made.append(
            Line(
                share(flip),
                loss,
                temperatures[flip, loss],
                tuple(found[name] for name in names),
                tuple("" if loss == "logistic" else word for word in compared),
            )
        )
    return made


def plots(results: Mapping[str, Any]) -> list[Plot]:
    """A plot for each measure: its mean over the seeds against the share of flipped labels."""
    cells = _cells(results)
    losses = list(dict.fromkeys(loss for _, loss in cells))
    made = []
    for name in measures(results):
        series = [
            charts.Series(
                loss,
                CLASSES.get(loss, "prior"),
                tuple((100 * flip, found[name].mean) for (flip, own), found in cells.items() if own == loss),
            )
            for loss in losses
        ]
        last = {one.name: one.points[-1] for one in series}
        ends = ", ".join(f"{loss} {number(point[1])}" for loss, point in last.items())
        caption = f"At {last[losses[0]][0]:g}% flipped: {ends}."
        drawing = charts.line_chart(
            f"noise-{name}", f"{MEASURES[name]} by share flipped", caption, series, "labels flipped, %"
        )
        made.append(Plot(MEASURES[name], drawing, caption))
    return made


def search(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Temperatures tried: share, temperatures, criterion, what true labels say, and which were chosen."""
    made: list[tuple[str, ...]] = []
    for flip in results["flips"]:
        tried = [trial for trial in results["search"] if trial["flip"] == flip]
        if not tried:
            continue
        judged = "auc" if "auc" in tried[0]["measures"] else "accuracy"
        best = max(tried, key=lambda trial: trial["validation"])
        ideal = max(tried, key=lambda trial: trial["measures"][judged])
        for trial in tried:
            words = [word for word, one in (("chosen", best), ("best", ideal)) if trial is one]
            made.append(
                (
                    share(flip),
                    trial["loss"]["name"],
                    number(trial["validation"]),
                    number(trial["measures"][judged]),
                    ", ".join(words),
                )
            )
    return made


def verdict(results: Mapping[str, Any]) -> list[str]:
    """A sentence for each share and bi-tempered loss: where it is better or worse beyond the seeds."""
    names = measures(results)
    said: list[str] = []
    if len(results["seeds"]) == 1:
        return ["One seed: what differs by chance cannot be told from what does not. Give --seeds 3 or more."]
    for line in table(results):
        if line.loss == "logistic":
            continue
        groups = {
            word: [MEASURES[name] for name, found in zip(names, line.outcomes, strict=True) if found == word]
            for word in ("better", "worse")
        }
        told = [f"{word} in {', '.join(found)}" for word, found in groups.items() if found]
        text = "; ".join(told) or "level with the logistic loss within the seeds"
        said.append(f"{line.flip} flipped, {line.loss} {line.temperatures}: {text}.")
    return said


def lines(results: Mapping[str, Any]) -> list[str]:
    """The table as text."""
    names, seeds = measures(results), len(results["seeds"])
    width = max(len(line.loss) + len(line.temperatures) for line in table(results)) + 3
    said = [f"{'flipped':>8}  {'loss':<{width}}" + "".join(f"{MEASURES[name]:>22}" for name in names)]
    for line in table(results):
        words = {"better": "+", "worse": "-", "same": " ", "": " "}
        cells = [
            f"{cell.text + words[word]:>22}" for cell, word in zip(line.cells, line.outcomes, strict=True)
        ]
        said.append(f"{line.flip:>8}  {line.loss + ' ' + line.temperatures:<{width}}" + "".join(cells))
    if seeds == 1:
        return [*said, "measured on true labels; with --seeds 3 it is told what is better beyond chance"]
    return [*said, f"+ better, - worse than logistic: 95% interval of {seeds} seeds in pairs; on true labels"]


def render(results: Mapping[str, Any]) -> str:
    """The report of an experiment as HTML that loads nothing; every value is escaped."""
    return page.document(
        "noise.html.j2",
        results=results,
        heads=[MEASURES[name] for name in measures(results)],
        table=table(results),
        plots=plots(results),
        search=search(results),
        verdict=verdict(results),
        losses=list(dict.fromkeys((trial["loss"]["name"]) for trial in results["trials"])),
        classes=CLASSES,
        seeds=len(results["seeds"]),
        rows=_rows(results),
    )


def _rows(results: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    return list(results["rows"].items())


def write(results: Mapping[str, Any], path: Path) -> None:
    """Writes the report, whole or not at all."""
    write_atomic(path, render(results))
