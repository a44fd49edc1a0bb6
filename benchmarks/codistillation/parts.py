"""What every part of the benchmark is given, and what it gives; where figures are kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks import machine, record

if TYPE_CHECKING:
    from benchmarks.record import Figure

STORED = Path(__file__).resolve().parent / "stored.json"
Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Given:
    """What the command line says.

    Args:
        root: where data and trials are kept.
        seeds: int or None. How many; None leaves it to the part.
        rounds: int. Turns that count in `cost`.
        overrides: `KEY=VALUE` for the config.
    """

    root: Path
    seeds: int | None = None
    rounds: int = 25
    overrides: tuple[str, ...] = ()

    def seed_list(self, default: int) -> list[int]:
        """The seeds, from 1 on."""
        return list(range(1, (self.seeds or default) + 1))


class Part(Protocol):
    """A module with these three functions."""

    def measure(self, given: Given) -> Json:
        """What was found, as JSON."""

    def table(self, found: Json) -> Iterator[str]:
        """Its lines."""

    def figures(self, found: Json) -> list[Figure]:
        """With what is promised of them."""


def store(name: str, found: Json, given: Given, path: Path = STORED) -> None:
    """Keeps what a part found, in the place of what it found before."""
    from trainer.storage import write_json

    begun = record.begin()
    entry = {
        "commit": begun.commit,
        "found": found,
        "machine": machine.facts(),
        "overrides": list(given.overrides),
        "stored": begun.started,
    }
    write_json(path, dict(sorted({**read(path), name: entry}.items())))


def read(path: Path = STORED) -> Json:
    """What is kept, by part; nothing if there is no file."""
    if not path.exists():
        return {}
    found: Json = json.loads(path.read_text())
    return found
