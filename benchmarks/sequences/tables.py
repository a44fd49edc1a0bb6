"""The tables."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.apart import apart_call
from benchmarks.record import Figure
from benchmarks.sequences import blocks
from benchmarks.sequences.rows import PLAN, Rows
from benchmarks.training.tables import PEERS_PYTHON, POLICIES
from benchmarks.training.worker import Worker, in_turns
from trainer.data.sequence import BucketOrder

OURS, KERAS, PYTORCH = (f"benchmarks.sequences.{name}" for name in ("ours", "plain_keras", "plain_pytorch"))
TANDEM = "Tandem"
TRAINERS: dict[str, tuple[str, list[str]]] = {
    TANDEM: (OURS, ["transformer"]),
    f"{TANDEM}, XLA": (OURS, ["xla"]),
    f"{TANDEM}, LSTM": (OURS, ["lstm"]),
    "Keras 3, graph": (KERAS, ["graph"]),
    "Keras 3, XLA": (KERAS, ["xla"]),
    "PyTorch": (PYTORCH, []),
}
PEERS = ("Keras 3, graph", "Keras 3, XLA", "PyTorch")
LEAST_SPEED, LEAST_DECODING, MOST_PADDING = 1.0, 5.0, 0.1
"""Promises: to the fastest peer, to the search without a cache, and of all positions."""
UNIT = "tokens/s"

Turns = list[tuple[float, Any]]
"""Seconds and what was found."""


def padding(rows: Rows) -> list[Figure]:
    """Share of positions that hold nothing, beside batches of as many rows without buckets."""
    table = rows.table()
    order = BucketOrder(table, PLAN.buckets, PLAN.batch_tokens, seed=1)
    share = order.report()["padding_share"]
    lengths = table.source.lengths, table.target.lengths + 1
    mean = int(sum(order.sizes) / len(order.sizes))
    shuffled = np.random.default_rng(1).permutation(table.rows)
    drawn = unbucketed(lengths, shuffled, mean)
    print(f"\npadding of {table.rows:,} rows, share of all positions")
    print(f"{f'{len(order.buckets)} buckets, {PLAN.batch_tokens:,} positions a batch':<44} {share:7.1%}")
    print(f"{f'batches of {mean} rows drawn at random':<44} {drawn:7.1%}")
    return [Figure("padding", share, "", limit=MOST_PADDING), Figure("padding without buckets", drawn, "")]


def unbucketed(lengths: tuple[Any, ...], order: Any, size: int) -> float:
    """Padding where each batch is as wide as its longest row on each side.

    Example:
        >>> unbucketed((np.array([1, 3]), np.array([1, 1])), np.array([0, 1]), 2)
        0.25
    """
    held = used = 0
    for at in range(0, len(order), size):
        part = [length[order[at : at + size]] for length in lengths]
        held += len(part[0]) * int(sum(length.max() for length in part))
        used += int(sum(length.sum() for length in part))
    return 1 - used / held


def training(directory: Path, rounds: int, threads: int) -> list[Figure]:
    """Tokens per second of every trainer, for each size."""
    _, held = blocks.read(directory)
    tokens = [blocks.tokens(block) for block in held]
    trainers = {name: command for name, command in TRAINERS.items() if _installed(command[0])}
    figures: list[Figure] = []
    for size, shape in blocks.SIZES.items():
        workers: dict[str, Worker] = {}
        try:
            for key, (name, environment) in _commands(trainers, threads).items():
                module, words = trainers[name]
                python = PEERS_PYTHON if module == PYTORCH else sys.executable
                workers[key] = Worker(python, [module, str(directory), size, *words], threads, **environment)
            every = in_turns(workers, rounds)
        finally:
            for worker in workers.values():
                worker.close()
        taken = fastest(every, tuple(trainers))
        print(
            f"\n{threads} thread{'s' if threads > 1 else ''}, {size}: width {shape.width}, "
            f"{shape.encoders} + {shape.decoders} layers; batches of {PLAN.batch_tokens:,} positions, "
            f"{len(held[0])} in a turn"
        )
        figures += _table(taken, tokens, size)
    return figures


def _commands(trainers: dict[str, Any], threads: int) -> dict[str, tuple[str, dict[str, str]]]:
    """Name and environment of each process: PyTorch's threads wait in two ways, and the better one counts."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name, (module, _) in trainers.items():
        policies = POLICIES if module == PYTORCH and threads > 1 else POLICIES[:1]
        for policy in policies:
            found[f"{name}{policy}"] = (name, {"OMP_WAIT_POLICY": policy} if policy else {})
    return found


def fastest(every: dict[str, Turns], names: tuple[str, ...]) -> dict[str, Turns]:
    """The turns of each trainer, of the better one where it ran in two ways."""
    return {
        name: min(
            (turns for key, turns in every.items() if key in {f"{name}{policy}" for policy in POLICIES}),
            key=lambda turns: statistics.median(seconds for seconds, _ in turns),
        )
        for name in names
    }


def _table(taken: dict[str, Turns], tokens: list[int], size: str) -> list[Figure]:
    print(f"{'':<16} {'parameters':>11} {UNIT:>9} {'spread':>15} {'of ours':>8} {'loss':>6}")
    figures, ratios = [], {}
    for name, turns in taken.items():
        speeds = [tokens[number % len(tokens)] / seconds for number, (seconds, _) in enumerate(turns)]
        # Both of a round, so that a load that comes and goes weighs on both.
        pairs = zip(taken[TANDEM], turns, strict=True)
        ratio = statistics.median(own / other for (own, _), (other, _) in pairs)
        median, last = statistics.median(speeds), turns[-1][1]
        print(
            f"{name:<16} {last['parameters']:11,.0f} {median:9,.0f} {min(speeds):7,.0f}-{max(speeds):7,.0f} "
            f"{ratio:8.2f} {last['loss']:6.3f}"
        )
        figures.append(Figure(f"{name}, {size}", median, UNIT, "higher"))
        ratios[name] = ratio
    best = max((name for name in PEERS if name in ratios), key=lambda name: ratios[name], default=None)
    if best is not None:
        own = max((name for name in (TANDEM, f"{TANDEM}, XLA")), key=lambda name: ratios[name])
        print(f"{own} to the faster peer, {best}: {ratios[own] / ratios[best]:.2f} times")
        figures.append(
            Figure(f"to the faster peer, {size}", ratios[own] / ratios[best], "times", "higher", LEAST_SPEED)
        )
    return figures


def _installed(module: str) -> bool:
    if module != PYTORCH:
        return True
    if not PEERS_PYTHON.exists():
        print("PyTorch is left out: `make peers` installs it.")
        return False
    done = subprocess.run(
        [PEERS_PYTHON, "-c", "import torch; print(torch.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"torch {done.stdout.strip()}")
    return True


def decoding(rows: Rows, rounds: int, threads: int) -> list[Figure]:
    """Words per second at beam 8 with and without a cache."""
    from benchmarks.sequences.decoding import BATCH, CACHED, SPEC, UNCACHED, WHOLE, measured

    shown = f"{threads} thread{'s' if threads > 1 else ''}"
    print(f"\nbeam {SPEC.beam}, batches of {BATCH} words, {shown}; words/s")
    heads = "".join(f"{name:>14} {'times':>6}" for name in (UNCACHED, WHOLE))
    print(f"{'':<14} {'words':>6} {CACHED:>8}{heads} {'different':>10}")
    figures = []
    for kind in ("transformer", "lstm"):
        found = apart_call(measured, rows, "small", kind, rounds, threads)
        seconds = found["seconds"]
        speeds = {name: found["words"] / statistics.median(taken) for name, taken in seconds.items()}
        ratios = {
            name: statistics.median(
                slow / quick for quick, slow in zip(seconds[CACHED], seconds[name], strict=True)
            )
            for name in (UNCACHED, WHOLE)
        }
        told = "".join(f"{speeds[name]:14,.0f} {ratio:6.1f}" for name, ratio in ratios.items())
        print(f"{kind:<14} {found['words']:6,} {speeds[CACHED]:8,.0f}{told} {found['different']:10,}")
        figures += [
            Figure(f"decoding, {kind}", speeds[CACHED], "words/s", "higher"),
            Figure(f"decoding to {UNCACHED}, {kind}", ratios[UNCACHED], "times", "higher", LEAST_DECODING),
            Figure(f"decoding to {WHOLE}, {kind}", ratios[WHOLE], "times", "higher"),
            Figure(f"different best hypotheses, {kind}", found["different"], "", limit=0.0),
        ]
    return figures


def exported(rows: Rows, directory: Path, threads: int) -> list[Figure]:
    """What SavedModels answer beside the training graph, after a short training."""
    from benchmarks.sequences.exporting import exported as asked

    print(f"\n{'SavedModel':<14} {'KiB':>7} {'words/s':>8} {'words':>6} {'answered otherwise':>19}")
    figures = []
    for kind in ("transformer", "lstm"):
        found = apart_call(asked, rows, directory / f"exported_{kind}", "small", kind, threads)
        print(
            f"{kind:<14} {found['bytes'] / 1024:7,.0f} {found['words_per_second']:8,.0f} "
            f"{found['words']:6,} {found['different']:19,}"
        )
        figures += [
            Figure(f"SavedModel, {kind}", found["words_per_second"], "words/s", "higher"),
            Figure(f"answered otherwise than in training, {kind}", found["different"], "words", limit=0.0),
        ]
    return figures
