"""What the exchange takes of the training thread, and how many bytes it writes.

The first table is of groups of two on the example of flights, which publish every 250 steps. `exchange` is
all that the thread does for it: it copies the weights, hands them over, looks for those of the peer and puts
them in place; `progress` is the file that tells how the replica is. Both are shares of the time of the loop,
the greatest of the replicas. The second table is of weights of a size of their own, of which four tables of 4
MiB are as before while the rest changes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.codistillation.data import prepare
from benchmarks.codistillation.measured_trainer import EXCHANGE, PROGRESS
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS
from benchmarks.record import Figure

EVERY = 250
MOST_SHARE = 1.0
TRANSFERS = ("float32", "bfloat16")
TABLES, ROWS, WIDTH = 4, 65_536, 16
LAYERS = ((512, 128), (128, 64), (64, 1))
LEFT_SECONDS = 60.0


def measure(given: Given) -> Json:
    """Of both tables."""
    from benchmarks.codistillation.trials import trial

    data = prepare(FLIGHTS, given.root, given.overrides)
    groups: Json = {}
    for transfer in TRANSFERS:
        section = f"train.codistillation={{exchange_every_steps: {EVERY}, transfer: {transfer}}}"
        found = trial(data, data.spec(section), f"two replicas, {transfer}")
        groups[transfer] = {
            "steps": found.training["steps"],
            "parameters": found.training["parameters"],
            "measured": found.measured,
            "exchanges": [one["exchange"] for one in found.group["replicas"] if one["exchange"]],
        }
    return {"groups": groups, "tables": {transfer: written(transfer) for transfer in TRANSFERS}}


def weights(changed: int) -> dict[str, Any]:
    """Weights whose tables are always the same, and whose layers are drawn with the seed `changed`."""
    rng, other = np.random.default_rng(0), np.random.default_rng([1, changed])
    found = {f"table_{i}": rng.normal(size=(ROWS, WIDTH)).astype(np.float32) for i in range(TABLES)}
    found |= {f"kernel_{i}": other.normal(size=shape).astype(np.float32) for i, shape in enumerate(LAYERS)}
    return found


def written(transfer: str) -> Json:
    """Bytes of a first publication, and of one whose tables are as before; the longest hand-over."""
    from trainer.codistillation.exchange import Exchange

    sizes, longest = [], 0.0
    with tempfile.TemporaryDirectory() as place:
        exchange = Exchange(place, "benchmark", 0, 2, transfer)
        before = 0
        for number in (1, 2):
            given = weights(number)
            started = time.perf_counter()
            exchange.publish(number, given)
            longest = max(longest, time.perf_counter() - started)
            until = time.monotonic() + LEFT_SECONDS
            while exchange.statistics()["publications_written"] < number and time.monotonic() < until:
                time.sleep(0.01)
            now = exchange.statistics()["bytes_written"]
            sizes.append(now - before)
            before = now
        exchange.close()
    return {"first_bytes": sizes[0], "unchanged_bytes": sizes[1], "hand_over_seconds": longest}


def shares(group: Json) -> tuple[float, float]:
    """Shares of exchange and progress in percent of a replica's loop, the greatest of the replicas.

    The first block of steps does not count: most of it is tracing, which would make both look small.
    """
    found = [
        [100 * one[name] / (one["seconds"] - one["first_block_seconds"]) for name in (EXCHANGE, PROGRESS)]
        for one in group["measured"]
    ]
    return max(one[0] for one in found), max(one[1] for one in found)


def publication_bytes(group: Json) -> float:
    """Mean bytes of a publication, over the replicas."""
    return float(
        sum(one["bytes_written"] for one in group["exchanges"])
        / sum(one["publications_written"] for one in group["exchanges"])
    )


def table(found: Json) -> Iterator[str]:
    """Both tables."""
    steps = {group["steps"] for group in found["groups"].values()}
    yield f"two replicas of {max(steps):,} steps, weights exchanged every {EVERY}"
    yield f"{'':<10} {'exchange':>9} {'progress':>9} {'publications':>13} {'bytes each':>11} {'a weight':>9}"
    for transfer, group in found["groups"].items():
        exchange, progress = shares(group)
        count = sum(one["publications_written"] for one in group["exchanges"])
        each = publication_bytes(group)
        yield (
            f"{transfer:<10} {exchange:8.3f}% {progress:8.3f}% {count:13,} {each:11,.0f} "
            f"{each / group['parameters']:9.2f}"
        )
    yield f"\n{TABLES} tables of {ROWS:,} x {WIDTH} and {len(LAYERS)} layers"
    yield f"{'':<10} {'all bytes':>11} {'same tables':>12} {'hand-over, ms':>14}"
    for transfer, one in found["tables"].items():
        yield (
            f"{transfer:<10} {one['first_bytes']:11,} {one['unchanged_bytes']:12,} "
            f"{1000 * one['hand_over_seconds']:14.3f}"
        )


def figures(found: Json) -> list[Figure]:
    """The share of the exchange with its promise, and bytes beside those of whole float32."""
    made = [
        Figure(f"exchange in the training thread, {transfer}", shares(group)[0], "%", limit=MOST_SHARE)
        for transfer, group in found["groups"].items()
    ]
    whole = found["tables"][TRANSFERS[0]]["first_bytes"]
    half = found["tables"][TRANSFERS[1]]["first_bytes"] / whole
    same = found["tables"][TRANSFERS[0]]["unchanged_bytes"] / whole
    return [
        *made,
        Figure("bytes of bfloat16 to float32", half, "times", noise=0.02),
        Figure("bytes with unchanged tables to all", same, "times", noise=0.02),
    ]
