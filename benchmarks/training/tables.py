"""The two tables."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.record import Figure
from benchmarks.training.cost import Cost, layers, of_a_step
from benchmarks.training.worker import ROOT, Worker, in_turns, read

PEERS_PYTHON = ROOT / ".tools" / "peers" / "bin" / "python"
THREADS = (1, 2)
MOST_TIMES = 1.3
"""Time of a step with the largest table, at most this many times that with the smallest."""
OURS = "Tandem"
KERAS, PYTORCH, WIDEDEEP = (
    f"benchmarks.training.{name}" for name in ("keras_model", "plain_pytorch", "widedeep")
)
POLICIES = ("", "passive")
"""How OpenMP's threads wait. Spinning, as they do by default, is faster on idle cores and many times slower
when another process has one: the better of the two counts."""
TRAINERS = {
    OURS: (KERAS, "ours"),
    "Keras' own optimizers": (KERAS, "keras"),
    "tf_keras' legacy optimizers": (KERAS, "legacy"),
    "Keras' own, by fit": (KERAS, "keras.fit"),
    "PyTorch, sparse gradients": (PYTORCH, "sparse"),
    "PyTorch, dense gradients": (PYTORCH, "dense"),
    "pytorch-widedeep, its step": (WIDEDEEP, "step"),
    "pytorch-widedeep, by fit": (WIDEDEEP, "fit"),
}
SMALL, LARGE = 10_000, 10_000_000
PLACES = {"column": "one column of 55", "every": "all 54 columns"}
"""Where the large table is."""
PROMISED = "column"


@contextlib.contextmanager
def _opened(
    python: str, commands: dict[str, tuple[str, list[str]]], threads: int
) -> Iterator[dict[str, Worker]]:
    with contextlib.ExitStack() as stack:
        workers = {}
        for name, (module, words) in commands.items():
            if module not in (PYTORCH, WIDEDEEP):
                workers[name] = Worker(python, [module, *words], threads)
                stack.callback(workers[name].close)
                continue
            for policy in POLICIES if threads > 1 else POLICIES[:1]:
                key = f"{name}{policy}"
                wait = {"OMP_WAIT_POLICY": policy} if policy else {}
                workers[key] = Worker(PEERS_PYTHON, [module, *words], threads, **wait)
                stack.callback(workers[key].close)
        yield workers


def _median(taken: list[tuple[float, Any]], key: str | None = None) -> float:
    return statistics.median(seconds if key is None else found[key] for seconds, found in taken)


def _installed() -> dict[str, tuple[str, str]]:
    """The trainers that can run here."""
    if PEERS_PYTHON.exists():
        code = "import importlib.metadata as m; print(m.version('torch'), m.version('pytorch-widedeep'))"
        done = subprocess.run([PEERS_PYTHON, "-c", code], capture_output=True, text=True, check=True)
        torch, widedeep = done.stdout.split()
        print(f"torch {torch}, pytorch-widedeep {widedeep}")
        return TRAINERS
    print("PyTorch and pytorch-widedeep are left out: `make peers` installs them.")
    return {name: command for name, command in TRAINERS.items() if command[0] == KERAS}


def _limits(settings: dict[str, Any], batch: int) -> tuple[str, list[str]]:
    return "benchmarks.training.limits", [str(size) for size in (batch, *layers(settings))]


def peers(python: str, directory: Path, rounds: int) -> list[Figure]:
    """Examples per second of every trainer."""
    settings, blocks = read(directory)
    steps, batch = blocks[0]["label"].shape
    cost = of_a_step(settings, blocks[0])
    trainers = _installed()
    limits = _limits(settings, batch)
    figures = []
    for threads in THREADS:
        commands = {name: (module, [str(directory), word]) for name, (module, word) in trainers.items()}
        with _opened(python, {**commands, "limits": limits}, threads) as workers:
            every = in_turns(workers, rounds)
        taken = {
            name: min((every[key] for key in every if key.removesuffix(POLICIES[1]) == name), key=_median)
            for name in (*trainers, "limits")
        }
        bounds = {
            key: max(found[key] for _, found in taken["limits"]) for key in ("copy", "square", "shapes")
        }
        floor = max(cost.flop / bounds["square"], cost.bytes / bounds["copy"])
        print(f"\n{threads} thread{'s' if threads > 1 else ''}, {batch} examples a step")
        print(
            f"{'':<28} {'examples/s':>10} {'spread':>17} {'of ours':>8} {'ms/step':>8} {'of limit':>9} "
            f"{'loss':>7}"
        )
        for name in trainers:
            times = [seconds for seconds, _ in taken[name]]
            speeds = [steps * batch / seconds for seconds in times]
            # Both of a round, so that a load that comes and goes weighs on both.
            ratio = statistics.median(own / other for (own, _), other in zip(taken[OURS], times, strict=True))
            step = statistics.median(times) / steps
            print(
                f"{name:<28} {statistics.median(speeds):10,.0f} {min(speeds):8,.0f}-{max(speeds):8,.0f} "
                f"{ratio:8.2f} {1e3 * step:8.2f} {floor / step:9.0%} {taken[name][-1][1]:7.3f}"
            )
            unit = f"{name}, {threads} threads"
            figures.append(Figure(unit, statistics.median(speeds), "examples/s", "higher"))
            if name != OURS:
                figures.append(Figure(f"ours to {unit}", 1 / ratio, "times", "higher"))
        print(_limit(cost, bounds, floor))
    return figures


def _limit(cost: Cost, bounds: dict[str, float], floor: float) -> str:
    square, shapes, copy = (bounds[key] / 1e9 for key in ("square", "shapes", "copy"))
    return (
        f"limit: {1e3 * floor:.2f} ms/step; {cost.flop / 1e6:.0f} MFLOP at {square:.0f} GFLOP/s "
        f"({shapes:.0f} in the model's shapes), {cost.bytes / 1e6:.1f} MB at {copy:.1f} GB/s"
    )


def table_sizes(python: str, directory: Path, rounds: int) -> list[Figure]:
    """Time per step with a small and a large embedding table, one thread."""
    settings, blocks = read(directory)
    steps, batch = blocks[0]["label"].shape
    figures = []
    print("\n1 thread, tables of rows of 16 numbers")
    print(f"{'':<30} {'ms/step':>21} {'':>6} {'different rows':>15} {'limit':>7}")
    print(
        f"{'rows of the table':<30} {SMALL:>10,} {LARGE:>10,} {'ratio':>6} {'small':>7} {'large':>7} "
        f"{'ms':>7}"
    )
    for place, told in PLACES.items():
        for draw in ("uniform", "zipf"):
            commands = {
                str(rows): ("benchmarks.training.table_size", [str(directory), place, str(rows), draw])
                for rows in (SMALL, LARGE)
            }
            limits = _limits(settings, batch)
            with _opened(python, {**commands, "limits": limits}, 1) as workers:
                taken = in_turns(workers, rounds)
            small, large = taken[str(SMALL)], taken[str(LARGE)]
            ratio = statistics.median(b / a for (a, _), (b, _) in zip(small, large, strict=True))
            rows = [_median(part, "rows") for part in (small, large)]
            # A row and its accumulator are fetched once in a step; the hot rows of the small table cost too.
            cold = _median(taken["limits"], "cold") - _median(taken["limits"], "hot")
            times = [1e3 * _median(part) / steps for part in (small, large)]
            print(
                f"{f'{told}, {draw}':<30} {times[0]:10.2f} {times[1]:10.2f} {ratio:6.2f} {rows[0]:7,.0f} "
                f"{rows[1]:7,.0f} {1e3 * 2 * rows[1] * cold:+7.2f}"
            )
            name = f"step with {LARGE:,} rows, {told}, {draw}"
            figures.append(Figure(name, ratio, "times", limit=MOST_TIMES if place == PROMISED else None))
    return figures
