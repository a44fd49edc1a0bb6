"""Figures of a run of the benchmarks: what they promise, where they are kept, how two runs compare."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from benchmarks import machine

STORED = Path(__file__).resolve().parent / "stored.json"
NOISE = 0.2
"""Two runs differ by as much, relative, while nothing has changed."""
MACHINE_UNITS = frozenset({"s", "ms", "rows/s", "examples/s", "tokens/s", "words/s", "GB/s", "GFLOP/s"})
"""Units of what depends on the machine and its load: shown, but not what decides."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number of a table.

    Args:
        name: what it is, unique within its benchmark.
        value: the number.
        unit: `s`, `ms`, `GiB`, `times`, ...; what is measured in one of `MACHINE_UNITS` is not compared.
        better: whether a lower or a higher number is better.
        limit: the promise: the most if lower is better, else the least. Defaults to `None`: none.
        noise: relative change that means nothing. Defaults to `0.2`.
    """

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"] = "lower"
    limit: float | None = None
    noise: float = NOISE

    @property
    def kept(self) -> bool:
        """Whether the promise is kept, if there is one; a number that is none keeps no promise."""
        if self.limit is None:
            return True
        return self.value <= self.limit if self.better == "lower" else self.value >= self.limit


@dataclasses.dataclass(frozen=True)
class Record:
    """One run of one benchmark.

    Args:
        figures: its figures.
        machine: what it ran on, as `machine.facts` says.
        commit: of the sources; with `+` if they had been changed.
        started: UTC, ISO 8601.
    """

    figures: tuple[Figure, ...]
    machine: dict[str, Any]
    commit: str
    started: str


Records = dict[str, Record]


def begin() -> Record:
    """A record without figures, as of now."""
    started = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Record((), machine.facts(), commit(), started)


def commit() -> str:
    """The commit of the sources, twelve digits; `unknown` outside of a repository."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=STORED.parent, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD")
    return f"{head}{'+' if git('status', '--porcelain') else ''}" if head else "unknown"


def write(records: Records, path: Path) -> None:
    """Writes records as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: dataclasses.asdict(record) for name, record in records.items()}
    path.write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n")


def read(path: Path) -> Records:
    """The records of a file; none if there is no file."""
    if not path.exists():
        return {}
    return {
        name: Record(**{**record, "figures": tuple(Figure(**figure) for figure in record["figures"])})
        for name, record in json.loads(path.read_text()).items()
    }


def broken(records: Records) -> list[str]:
    """Each promise that is not kept, as a line."""
    return [
        f"{name}: {figure.name} {number(figure.value)} {figure.unit}, promised "
        f"{'at most' if figure.better == 'lower' else 'at least'} {number(figure.limit)}"
        for name, record in records.items()
        for figure in record.figures
        if not figure.kept and figure.limit is not None
    ]


def change(old: Figure, new: Figure) -> Literal["", "better", "worse"]:
    """Whether a figure has moved by more than its noise; one in a unit of the machine never has."""
    if new.unit in MACHINE_UNITS or old.unit != new.unit:
        return ""
    if not (math.isfinite(old.value) and math.isfinite(new.value)):
        return "" if math.isfinite(new.value) else "worse"
    moved = new.value - old.value
    if abs(moved) <= new.noise * abs(old.value):
        return ""
    return "better" if (moved < 0) == (new.better == "lower") else "worse"


def comparison(stored: Records, now: Records) -> Iterator[str]:
    """A table of every figure of `now` beside the stored one."""
    rows = [
        (name, figure, {f.name: f for f in stored[name].figures}.get(figure.name) if name in stored else None)
        for name, record in now.items()
        for figure in record.figures
    ]
    wide = max([len(f"{name}: {figure.name}") for name, figure, _ in rows], default=0)
    yield f"{'figure':<{wide}} {'unit':<10} {'stored':>10} {'now':>10} {'ratio':>7} {'promise':>9}"
    for name, figure, old in rows:
        told = number(old.value) if old else "-"
        ratio = f"{figure.value / old.value:.2f}" if old and old.value else "-"
        line = f"{f'{name}: {figure.name}':<{wide}} {figure.unit:<10} {told:>10} {number(figure.value):>10}"
        line += f" {ratio:>7} {number(figure.limit) if figure.limit is not None else '':>9}"
        yield f"{line} {change(old, figure) if old else ''}".rstrip()
    yield from machines(stored, now)


def machines(stored: Records, now: Records) -> Iterator[str]:
    """A line for each fact of the machine that differs from the stored run's."""
    told = set()
    for name, record in now.items():
        before = stored[name].machine if name in stored else record.machine
        for fact in sorted((before.keys() | record.machine.keys()) - {"load"}):
            pair = before.get(fact), record.machine.get(fact)
            if pair[0] != pair[1] and (fact, pair) not in told:
                told.add((fact, pair))
                yield f"stored with {fact} {pair[0]}, now {pair[1]}"


def number(value: float) -> str:
    """With three digits or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.4f}"
