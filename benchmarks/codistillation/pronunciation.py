"""Word error rate on words: single trainings beside groups of two.

As `benchmarks.codistillation.quality`, with `by_word.yaml` of the example of pronunciation.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.codistillation import quality
from benchmarks.codistillation.data import PRONUNCIATION
from benchmarks.codistillation.parts import Given, Json
from benchmarks.record import Figure

SEEDS, METRICS = 2, ("wer", "per")


def measure(given: Given) -> Json:
    """Trials of every kind and seed."""
    return quality.measured_on(PRONUNCIATION, given, given.overrides, given.seed_list(SEEDS), METRICS)


def table(found: Json) -> Iterator[str]:
    """A row for each kind."""
    yield from quality.table(found)


def figures(found: Json) -> list[Figure]:
    """Error rates of groups beside single trainings."""
    return quality.figures(found)
