"""How much predictions on flights change between retrains: single, codistilled, and an ensemble of two.

What `tandem churn examples/flights/config.yaml --retrains 5` measures, with groups that are taught late and
much, see `TAUGHT`. A group is promised to change at least 35% less than single trainings do, at a
log loss that is no higher.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.codistillation.data import root_of
from benchmarks.codistillation.outcomes import reduction
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS, NOISE
from benchmarks.record import Figure

RETRAINS = 5
TAUGHT = "train.codistillation={replicas: 4, weight: 6, burn_in: 0.3, ramp: 0.6, launch: {patience: 2}}"
LEAST_REDUCTION = 35.0
SINGLE, CODISTILLED, ENSEMBLE = "single", "codistilled", "ensemble"


def measure(given: Given) -> Json:
    """Content of the experiment's `results.json`."""
    from pipeline import kernels
    from pipeline.config import load

    config = load(FLIGHTS, [TAUGHT, *given.overrides])
    kernels.use_default()
    kernels.use(config)
    from pipeline.churn.asked import Experiment
    from pipeline.churn.experiment import execute
    from pipeline.local.watcher import Watcher
    from pipeline.root import Root

    def note(text: str) -> None:
        print(f"... {text}", flush=True)

    root = Root(root_of(FLIGHTS, given.root))
    experiment = Experiment(given.seeds or RETRAINS)
    found = execute(config, FLIGHTS.resolve().parent, root, experiment, Watcher(), note)
    return found.results


def mean(found: Json, kind: str, name: str) -> float:
    """Of all pairs of a kind."""
    return statistics.fmean(pair[name] for pair in found["pairs"] if pair["kind"] == kind)


def reductions(found: Json, name: str) -> dict[str, float]:
    """How much less of it than single trainings have, in percent, by kind."""
    single = mean(found, SINGLE, name)
    return {kind: reduction(mean(found, kind, name), single) for kind in (CODISTILLED, ENSEMBLE)}


def quality(found: Json, kind: str) -> float:
    """Mean log loss of the retrains of a kind."""
    losses: list[Any] = [one["measures"]["log_loss"] for one in found["trials"] if one["kind"] == kind]
    return statistics.fmean(losses)


def table(found: Json) -> Iterator[str]:
    """As the command prints it, and the reductions."""
    from pipeline.report.churn_page import lines

    yield f"{len(found['seeds'])} retrains"
    yield from lines(found)
    for told, name in (("churn", "churn"), ("flipped decisions", "decisions_flipped")):
        less = ", ".join(f"{kind} {value:.0f}%" for kind, value in reductions(found, name).items())
        yield f"less {told} than single trainings: {less}"


def figures(found: Json) -> list[Figure]:
    """The reduction with its promise, and log losses beside single trainings."""
    made = [
        Figure(
            f"less churn, {kind}",
            value,
            "%",
            "higher",
            LEAST_REDUCTION if kind == CODISTILLED else None,
        )
        for kind, value in reductions(found, "churn").items()
    ]
    single = quality(found, SINGLE)
    for kind, limit in ((CODISTILLED, 1.0), (ENSEMBLE, None)):
        ratio = quality(found, kind) / single
        made.append(Figure(f"log loss, {kind}, to single", ratio, "times", limit=limit, noise=NOISE))
    return made
