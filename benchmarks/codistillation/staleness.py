"""Log loss on flights by the steps between two exchanges, and a picture of it.

Groups of two that publish every step, every 50, 250 and 2,500 steps, beside single trainings. Batches are of
128 rows instead of 512, so that 2,500 steps fit into a training. Weights are handed on by files at which a
peer looks ten times a second: `staleness` is the mean age that was measured, in steps of the replica that is
taught, and is never below what it does meanwhile.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.codistillation.data import prepare
from benchmarks.codistillation.outcomes import spread
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS, NOISE
from benchmarks.record import Figure

EVERY = (1, 50, 250, 2500)
SEEDS = 3
BATCH = "train.batch_size=128"
IMAGE = Path(__file__).resolve().parents[2] / "docs" / "images" / "staleness.svg"


def measure(given: Given) -> Json:
    """Log losses by steps between exchanges."""
    from benchmarks.codistillation.trials import Trial, quality, trial

    data = prepare(FLIGHTS, given.root, given.overrides)

    def entry(one: Trial) -> Json:
        replicas = one.group.get("replicas", [])
        stale = [r["mean_staleness_steps"] for r in replicas if r["mean_staleness_steps"] is not None]
        taught = [r["teaching_steps"] for r in replicas if r["teaching_steps"] is not None]
        return {
            "log_loss": quality(data, one)["log_loss"],
            "steps": one.training["steps"],
            "mean_staleness_steps": statistics.fmean(stale) if stale else None,
            "teaching_share": statistics.fmean(taught) / one.training["steps"] if taught else 0.0,
        }

    single, swept = [], {str(every): [] for every in EVERY}  # type: list[Json], dict[str, list[Json]]
    for seed in given.seed_list(SEEDS):
        single.append(entry(trial(data, data.spec(BATCH, seed=seed), f"single, seed {seed}")))
        for every in EVERY:
            section = f"train.codistillation={{exchange_every_steps: {every}}}"
            one = trial(data, data.spec(BATCH, section, seed=seed), f"every {every} steps, seed {seed}")
            swept[str(every)].append(entry(one))
    return {"single": single, "every": swept}


def by_steps(found: Json) -> list[tuple[int, list[Json]]]:
    """Trainings by the steps between exchanges, ascending, unlike the texts that JSON keeps them by."""
    return sorted((int(every), entries) for every, entries in found["every"].items())


def losses(entries: list[Json]) -> list[float]:
    """Log loss of every seed."""
    return [one["log_loss"] for one in entries]


def table(found: Json) -> Iterator[str]:
    """A row for each number of steps between exchanges."""
    single = losses(found["single"])
    yield f"{len(single)} seed{'s' if len(single) > 1 else ''}, {found['single'][0]['steps']:,} steps"
    yield (
        f"{'steps apart':>12} {'staleness':>10} {'taught':>7} {'log loss':>9} {'spread':>8} {'to single':>10}"
    )
    yield f"{'single':>12} {'':>10} {'':>7} {statistics.fmean(single):9.4f} {spread(single):8.4f}"
    for every, entries in by_steps(found):
        own = losses(entries)
        stale = [one["mean_staleness_steps"] for one in entries if one["mean_staleness_steps"] is not None]
        told = f"{statistics.fmean(stale):10,.0f}" if stale else f"{'-':>10}"
        difference = statistics.fmean(one - two for one, two in zip(own, single, strict=True))
        taught = statistics.fmean(one["teaching_share"] for one in entries)
        yield (
            f"{every:12,} {told} {taught:7.0%} {statistics.fmean(own):9.4f} {spread(own):8.4f} "
            f"{difference:+10.4f}"
        )


def figures(found: Json) -> list[Figure]:
    """Log loss beside single trainings."""
    single = statistics.fmean(losses(found["single"]))
    return [
        Figure(
            f"log loss, every {every:,} step{'s' if every != 1 else ''}, to single",
            statistics.fmean(losses(entries)) / single,
            "times",
            noise=NOISE,
        )
        for every, entries in by_steps(found)
    ]


def draw(found: Json) -> None:
    """Draws the picture into the docs."""
    from benchmarks.codistillation.picture import picture
    from trainer.storage import write_atomic

    swept = {every: losses(entries) for every, entries in by_steps(found)}
    write_atomic(IMAGE, picture(losses(found["single"]), swept))
