"""Log loss on flights: single trainings beside groups of two, with the same rows and with rows of their own.

At equal steps for each replica, taught from the second half on: before that these short trainings have more
to learn from their rows than from each other. The first replica of a group has the seed of the single
training it is compared with; a group is judged by the model that it chooses. Steps to a single training's
quality are those of the first evaluation whose validation loss is as low as that at the end of the single
training of the same seed. The rates fall to 0 over the planned steps, so most of any training's loss falls at
its end: such a share is no time that could be saved by stopping there, but one at which the model is already
as good.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from benchmarks.codistillation.data import prepare
from benchmarks.codistillation.outcomes import final_loss, share_of_steps, spread, steps_to
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS, NOISE
from benchmarks.record import Figure

SINGLE, SAME, DIVIDED = "single", "same rows", "rows divided"
Kinds = Mapping[str, tuple[str, ...]]
KINDS: Kinds = {
    SINGLE: (),
    SAME: ("train.codistillation={burn_in: 0.5, ramp: 0.2, shared_data: 1}",),
    DIVIDED: ("train.codistillation={burn_in: 0.5, ramp: 0.2, shared_data: 0}",),
}
SEEDS, METRICS = 5, ("log_loss",)
MOST = 1.0
EVALUATIONS = "train.evaluations_per_epoch=8"
DAYS = "data.split.validation_fraction=0.1"
"""The five days that the example keeps for validation decide little: a group's model is chosen by them."""


def measure(given: Given) -> Json:
    """Trials of every kind and seed on flights."""
    return measured_on(FLIGHTS, given, (DAYS, *given.overrides), given.seed_list(SEEDS), METRICS)


def measured_on(
    config: Path,
    given: Given,
    overrides: tuple[str, ...],
    seeds: list[int],
    metrics: tuple[str, ...],
    kinds: Kinds = KINDS,
) -> Json:
    """Trials of every kind and seed.

    Args:
        config: file of the example.
        given: where all is kept.
        overrides: for the config.
        seeds: ints.
        metrics: of the `eval` split, the first one is the one that figures are made of.
        kinds: overrides of each, that of single trainings first.

    Returns:
        `metrics`, and by kind an entry for each seed.
    """
    from benchmarks.codistillation.trials import quality, trial

    data = prepare(config, given.root, overrides)
    found: Json = {kind: [] for kind in kinds}
    for seed in seeds:
        goal = None
        for kind, own in kinds.items():
            one = trial(data, data.spec(EVALUATIONS, *own, seed=seed), f"{kind}, seed {seed}")
            loss = final_loss(one.history)
            goal = loss if goal is None else goal
            asked = quality(data, one)
            replicas = one.group.get("replicas", [])
            stale = [r["mean_staleness_steps"] for r in replicas if r["mean_staleness_steps"] is not None]
            found[kind].append(
                {
                    "seed": seed,
                    "metrics": {name: asked[name] for name in metrics},
                    "validation_loss": loss,
                    "steps": one.training["steps"],
                    "steps_to_single": steps_to(one.history, goal),
                    "seconds": one.seconds,
                    "mean_staleness_steps": statistics.fmean(stale) if stale else None,
                }
            )
    return {"metrics": list(metrics), "kinds": found}


def values(found: Json, kind: str, name: str) -> list[float]:
    """A metric, or the validation loss, of every seed of a kind."""
    entries = found["kinds"][kind]
    return [one["metrics"][name] if name in one["metrics"] else one[name] for one in entries]


def table(found: Json, kinds: Collection[str] = KINDS) -> Iterator[str]:
    """A row for each kind: means, spreads, and the mean difference to single trainings seed by seed."""
    names = [*found["metrics"], "validation_loss"]
    seeds, steps = found["kinds"][SINGLE], [one["steps"] for one in found["kinds"][SINGLE]]
    yield f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}, {steps[0]:,} steps for each replica"
    heads = "".join(f" {name.replace('_', ' '):>16} {'spread':>8} {'to single':>10}" for name in names)
    wide = 2 + max(len(kind) for kind in kinds)
    yield f"{'':<{wide}}{heads} {'steps to single':>18} {'staleness':>10}"
    for kind in kinds:
        entries = found["kinds"][kind]
        line = f"{kind:<{wide}}"
        for name in names:
            own, other = values(found, kind, name), values(found, SINGLE, name)
            line += f" {statistics.fmean(own):16.4f} {spread(own):8.4f}"
            differences = [one - two for one, two in zip(own, other, strict=True)]
            line += f" {statistics.fmean(differences):+10.4f}" if kind != SINGLE else f" {'':10}"
        if kind != SINGLE:
            share, count = share_of_steps([one["steps_to_single"] for one in entries], steps)
            reached = f"{100 * share:.0f}%, {count} of {len(entries)}" if share else f"0 of {len(entries)}"
            stale = [
                one["mean_staleness_steps"] for one in entries if one["mean_staleness_steps"] is not None
            ]
            told = f"{statistics.fmean(stale):,.0f}" if stale else "-"
            line += f" {reached:>18} {told:>10}"
        yield line.rstrip()


def figures(found: Json, kinds: Collection[str] = KINDS) -> list[Figure]:
    """Means of the first metric and of the validation loss beside single trainings, and the share of steps to
    their quality. A group on the same rows is promised to be no worse."""
    others = [kind for kind in kinds if kind != SINGLE]
    made = []
    steps = [one["steps"] for one in found["kinds"][SINGLE]]
    for name in (found["metrics"][0], "validation_loss"):
        told, single = name.replace("_", " "), statistics.fmean(values(found, SINGLE, name))
        made.append(Figure(f"{told}, {SINGLE}", single, "", noise=NOISE))
        for kind in others:
            own, limit = statistics.fmean(values(found, kind, name)), MOST if kind == SAME else None
            made.append(Figure(f"{told}, {kind}, to single", own / single, "times", limit=limit, noise=NOISE))
    for kind in others:
        entries = found["kinds"][kind]
        share, _ = share_of_steps([one["steps_to_single"] for one in entries], steps)
        if share is not None:
            made.append(Figure(f"steps to the quality of single, {kind}", share, "times"))
    return made
