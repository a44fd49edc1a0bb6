"""Time and memory of a replica in groups of 2, 4 and 8, beside a single training.

Each peer is promised to cost a replica one more forward pass and one more copy of the weights. The trainings
are small ones on the example of flights, without burn-in, and long enough that all replicas are there. Times
are those of a step in the last quarter: CPU time of all threads of a replica is what counts, since wall time
depends on how many replicas share a core. Memory is the peak of a replica's process up to its last step; with
weights as small as these most of what a peer adds is its graph.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from benchmarks.codistillation.data import prepare
from benchmarks.codistillation.outcomes import per_peer
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS
from benchmarks.record import Figure

COUNTS = (2, 4, 8)
MOST_OF_A_STEP = 0.4
MIB = 2**20
FLOAT_BYTES = 4
SMALL = ("model.deep.hidden=[64]", "train.epochs=3")


def measure(given: Given) -> Json:
    """Time and memory by the number of replicas."""
    from benchmarks.codistillation.trials import trial

    data = prepare(FLIGHTS, given.root, given.overrides)
    found: Json = {}
    for count in (1, *COUNTS):
        section = f"train.codistillation={{replicas: {count}, burn_in: 0, ramp: 0, exchange_every_steps: 50, "
        section += "launch: {patience: 10}}"
        spec = data.spec(*SMALL, *([section] if count > 1 else []))
        one = trial(data, spec, f"{count} replica{'s' if count > 1 else ''}")
        last = one.history[-1] if one.history else {}
        found[str(count)] = {
            "seconds": one.seconds,
            "parameters": one.training["parameters"],
            "steps": one.training["steps"],
            "peers": len(last.get("staleness_steps", {})),
            "measured": one.measured,
        }
    return found


def medians(one: Json) -> tuple[float, float, float]:
    """Of the replicas: seconds and CPU seconds of a step, and peak bytes."""
    wall, cpu, peak = (
        statistics.median(replica[name] for replica in one["measured"])
        for name in ("step_seconds", "step_cpu_seconds", "peak_bytes")
    )
    return wall, cpu, peak


def added(found: Json) -> tuple[dict[int, float], dict[int, float]]:
    """What each peer adds, by the number of replicas; not a number where a replica did not see all peers.

    Returns:
        CPU time, as a share of a single training's step; and memory, as copies of the weights.
    """
    _, cpu, peak = medians(found["1"])
    weights = FLOAT_BYTES * found["1"]["parameters"]
    groups = {int(count): medians(one) for count, one in found.items()}
    # A peer that had not come yet would cost nothing and keep every promise.
    seen = {count: 1.0 if found[str(count)]["peers"] == count - 1 else math.nan for count in groups}
    steps = per_peer(cpu, {count: seen[count] * told[1] for count, told in groups.items()})
    bytes_ = per_peer(peak, {count: seen[count] * told[2] for count, told in groups.items()})
    return (
        {count: value / cpu for count, value in steps.items()},
        {count: value / weights for count, value in bytes_.items()},
    )


def table(found: Json) -> Iterator[str]:
    """A row for each number of replicas."""
    weights = FLOAT_BYTES * found["1"]["parameters"] / MIB
    yield f"{found['1']['steps']:,} steps, weights {weights:.1f} MiB"
    yield (
        f"{'replicas':>8} {'peers':>6} {'group, s':>9} {'step, ms':>9} {'CPU, ms':>8} {'a peer':>8} "
        f"{'peak, MiB':>10} {'a peer, MiB':>12}"
    )
    steps, copies = added(found)
    for count, one in found.items():
        wall, cpu, peak = medians(one)
        line = f"{count:>8} {one['peers']:6} {one['seconds']:9.1f} {1000 * wall:9.2f} {1000 * cpu:8.2f} "
        if int(count) in steps:
            line += f"{steps[int(count)]:6.2f} x {peak / MIB:10,.0f} {copies[int(count)] * weights:12.1f}"
        else:
            line += f"{'':>8} {peak / MIB:10,.0f}"
        yield line
    yield "a peer: what each adds to a replica, of the CPU time of a single training's step"


def figures(found: Json) -> list[Figure]:
    """What each peer adds, with the promise of a step."""
    steps, copies = added(found)
    made = [
        Figure(f"CPU time of a peer, {count} replicas", value, "steps", limit=MOST_OF_A_STEP)
        for count, value in steps.items()
    ]
    # A process that is 10 MiB larger by chance is many copies of small weights.
    made += [
        Figure(f"memory of a peer, {count} replicas", value, "copies", noise=1.0)
        for count, value in copies.items()
    ]
    return made
