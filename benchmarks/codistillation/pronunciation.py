"""Word error rate on words: single trainings beside groups of two.

As `benchmarks.codistillation.quality`, with `by_word.yaml` of the example of pronunciation. Teaching
regularises as dropout does, so both kinds of training are also measured with half of the example's dropout.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.codistillation import quality
from benchmarks.codistillation.data import PRONUNCIATION
from benchmarks.codistillation.parts import Given, Json
from benchmarks.codistillation.quality import SAME, SINGLE
from benchmarks.record import Figure

SEEDS, METRICS = 2, ("wer", "per")
HALF = "model.sequence.dropout=0.05"
SINGLE_HALF, SAME_HALF = f"{SINGLE}, half the dropout", f"{SAME}, half the dropout"
KINDS: quality.Kinds = {
    SINGLE: (),
    SINGLE_HALF: (HALF,),
    **{kind: own for kind, own in quality.KINDS.items() if kind != SINGLE},
    SAME_HALF: (*quality.KINDS[SAME], HALF),
}


def measure(given: Given) -> Json:
    """Trials of every kind and seed."""
    seeds = given.seed_list(SEEDS)
    return quality.measured_on(PRONUNCIATION, given, given.overrides, seeds, METRICS, KINDS)


def table(found: Json) -> Iterator[str]:
    """A row for each kind."""
    yield from quality.table(found, KINDS)


def figures(found: Json) -> list[Figure]:
    """Error rates and losses beside single trainings of the example."""
    return quality.figures(found, KINDS)
