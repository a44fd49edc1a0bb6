"""Points of the curve: what each run found, kept beside the code, since the longest takes three hours."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.pronunciation.scoring import Score
from benchmarks.record import Figure
from trainer.storage import write_json

STORED = Path(__file__).resolve().parent / "points.json"
PHONETISAURUS, PYTORCH = "Phonetisaurus, 8-gram", "PyTorch Transformer"
BUDGETS = (8, 30, 180)
MOST_WER = {30: 34.0}
"""Promise by budget in minutes, in percent; that of the longest is the error of Phonetisaurus."""
METRIC_NOISE = 0.03


@dataclasses.dataclass(frozen=True)
class Point:
    """One trained system.

    Args:
        name: what it is.
        score: error rates on the words of `eval`.
        seconds: of training, start of the process included, over all attempts.
        cpu_seconds: the same, of every thread.
        parameters: number of them; 0 where nobody counts them.
        budget_minutes: what it was allowed; 0 for none.
        attempts: how often the training was started.
        facts: machine, commit and time of the run, and what else is worth knowing.
        history: of the training, entries of `seconds` and `validation_loss`.
    """

    name: str
    score: Score
    seconds: float
    cpu_seconds: float
    parameters: int = 0
    budget_minutes: int = 0
    attempts: int = 1
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()


Points = dict[str, Point]


def ours(minutes: int) -> str:
    """Name of our point."""
    return f"Tandem, {minutes} minutes"


def read(path: Path = STORED) -> Points:
    """The points of a file by name; none if there is no file."""
    if not path.exists():
        return {}
    return {
        entry["name"]: Point(
            **{**entry, "score": Score(**entry["score"]), "history": tuple(entry["history"])}
        )
        for entry in json.loads(path.read_text())
    }


def store(point: Point, path: Path = STORED) -> None:
    """Writes a point to a file, in the place of that of its name."""
    kept = {**read(path), point.name: point}
    write_json(path, [dataclasses.asdict(kept[name]) for name in sorted(kept)])


def table(points: Points, fresh: set[str]) -> Iterator[str]:
    """All points, the quickest first; those that are not of this run are marked with the day they are of."""
    yield f"{'':<24} {'minutes':>8} {'CPU min':>8} {'parameters':>11} {'WER %':>7} {'PER %':>7}"
    for point in sorted(points.values(), key=lambda point: point.seconds):
        line = f"{point.name:<24} {point.seconds / 60:8.1f} {point.cpu_seconds / 60:8.1f} "
        line += f"{point.parameters or '-':>11,} " if point.parameters else f"{'-':>11} "
        line += f"{point.score.wer:7.2f} {point.score.per:7.2f}"
        if point.name not in fresh:
            line += f"  of {str(point.facts.get('started', '?'))[:10]}"
        yield line


def figures(points: Points) -> list[Figure]:
    """Error rates with what is promised of them, and how long a run took within its budget."""
    found = []
    peer = points.get(PHONETISAURUS)
    for point in points.values():
        limit = MOST_WER.get(point.budget_minutes) if point.name == ours(point.budget_minutes) else None
        if peer is not None and point.name == ours(BUDGETS[-1]):
            limit = peer.score.wer
        found += [
            Figure(f"{point.name}: WER", point.score.wer, "%", limit=limit, noise=METRIC_NOISE),
            Figure(f"{point.name}: PER", point.score.per, "%", noise=METRIC_NOISE),
            Figure(
                f"{point.name}: time",
                point.seconds,
                "s",
                limit=60.0 * point.budget_minutes if point.budget_minutes else None,
            ),
        ]
    return found
