"""Time and memory of a replica in groups of 2, 4 and 8, beside a single training.

Each peer is promised to cost a replica one more forward pass, and two more copies of the weights: those of
its model, and the bytes that were read; with the first one comes what the exchange needs. The trainings are
small ones on the example of flights, without burn-in, and long enough that all replicas are there. Times are
those of a step in the last quarter: CPU time of all threads of a replica is what counts, since wall time
depends on how many replicas share a core. Memory is the peak of a replica's process up to its last step, in
shorter trainings whose tables of embeddings are so large that copies of the weights can be told from all that
a process holds besides.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator

from benchmarks.codistillation.data import prepare
from benchmarks.codistillation.outcomes import per_peer
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS
from benchmarks.record import Figure

COUNTS = (2, 4, 8)
SEEDS = 2
MOST_OF_A_STEP, MOST_FIRST, MOST_COPIES = 0.4, 4.5, 2.5
MIB = 2**20
FLOAT_BYTES = 4
SMALL = ("model.deep.hidden=[64]", "train.epochs=3")
LARGE = (
    "model.deep.hidden=[16]",
    "train.epochs=1",
    "features.tail_number.embedding_dim=2048",
    "features.flight.embedding_dim=2048",
)
TIMES, MEMORY = "times", "memory"


def measure(given: Given) -> Json:
    """Trials of both sizes by the number of replicas."""
    from benchmarks.codistillation.trials import trial

    data = prepare(FLIGHTS, given.root, given.overrides)
    found: Json = {TIMES: {}, MEMORY: {}}
    seeds = given.seed_list(SEEDS)
    told = [(TIMES, SMALL, 50, seed) for seed in seeds] + [(MEMORY, LARGE, 100, seeds[0])]
    for (kind, size, every, seed), count in itertools.product(told, (1, *COUNTS)):
        section = f"train.codistillation={{replicas: {count}, burn_in: 0, ramp: 0, "
        section += f"exchange_every_steps: {every}, launch: {{patience: 10}}}}"
        spec = data.spec(*size, *([section] if count > 1 else []), seed=seed)
        one = trial(data, spec, f"{kind}: {count} replica{'s' if count > 1 else ''}, seed {seed}")
        last = one.history[-1] if one.history else {}
        found[kind].setdefault(str(count), []).append(
            {
                "seconds": one.seconds,
                "parameters": one.training["parameters"],
                "steps": one.training["steps"],
                "peers": len(last.get("staleness_steps", {})),
                "measured": one.measured,
            }
        )
    return found


def median(trials: list[Json], name: str) -> float:
    """Of all replicas of some trials."""
    return statistics.median(replica[name] for one in trials for replica in one["measured"])


def seen(groups: Json, name: str) -> dict[int, float]:
    """Medians by the number of replicas; not a number where a replica did not see all peers: a peer that had
    not come would cost nothing and keep every promise."""
    return {
        int(count): median(trials, name)
        if all(one["peers"] == int(count) - 1 for one in trials)
        else math.nan
        for count, trials in groups.items()
    }


def shares(found: Json) -> dict[int, float]:
    """CPU time that each peer adds to a step, as a share of a single training's step."""
    values = seen(found[TIMES], "step_cpu_seconds")
    return {count: value / values[1] for count, value in per_peer(values[1], values).items()}


def copies(found: Json) -> dict[int, float]:
    """Memory that each peer adds to that of the next smaller group, as copies of the weights."""
    values = seen(found[MEMORY], "peak_bytes")
    weights = FLOAT_BYTES * found[MEMORY]["1"][0]["parameters"]
    pairs = itertools.pairwise(sorted(values))
    return {more: (values[more] - values[less]) / (more - less) / weights for less, more in pairs}


def table(found: Json) -> Iterator[str]:
    """A row for each number of replicas."""
    times, memory = found[TIMES], found[MEMORY]
    trials = len(times["1"])
    yield (
        f"times: {trials} training{'s' if trials > 1 else ''} each of {times['1'][0]['steps']:,} steps; "
        f"memory: weights of {FLOAT_BYTES * memory['1'][0]['parameters'] / MIB:,.0f} MiB"
    )
    yield (
        f"{'replicas':>8} {'peers':>6} {'group, s':>9} {'step, ms':>9} {'CPU, ms':>8} {'a peer':>8} "
        f"{'peak, MiB':>10} {'a peer, copies':>15}"
    )
    share, more = shares(found), copies(found)
    for count, ones in times.items():
        seconds = statistics.median(one["seconds"] for one in ones)
        wall, cpu = (1000 * median(ones, name) for name in ("step_seconds", "step_cpu_seconds"))
        peak = median(memory[count], "peak_bytes") / MIB
        line = f"{count:>8} {ones[0]['peers']:6} {seconds:9.1f} {wall:9.2f} {cpu:8.2f} "
        if int(count) in share:
            line += f"{share[int(count)]:6.2f} x {peak:10,.0f} {more[int(count)]:15.2f}"
        else:
            line += f"{'':>8} {peak:10,.0f}"
        yield line
    yield "a peer: what each adds, of a single training's CPU time, and in copies to the row above"


def figures(found: Json) -> list[Figure]:
    """What each peer adds, with the promises."""
    made = [
        Figure(f"CPU time of a peer, {count} replicas", value, "steps", limit=MOST_OF_A_STEP)
        for count, value in shares(found).items()
    ]
    for count, value in copies(found).items():
        name, limit = ("the first peer", MOST_FIRST) if count == 2 else ("a further peer", MOST_COPIES)
        made.append(Figure(f"memory of {name}, {count} replicas", value, "copies", limit=limit))
    return made
