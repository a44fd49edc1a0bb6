"""The three tables."""

from __future__ import annotations

import ast
import contextlib
import statistics
import subprocess
import sys
from pathlib import Path

import keras
import psutil
import tensorflow as tf

from benchmarks.optimizers.of_keras import MADE
from benchmarks.optimizers.shapes import ROW_WIDTH, ROWS, STEPS, TRANSFORMER
from benchmarks.record import Figure
from benchmarks.training.worker import ROOT, Worker, in_turns
from trainer.optimizers import state_bytes, state_of_others

PEERS_PYTHON = ROOT / ".tools" / "peers" / "bin" / "python"
PACKAGE = "benchmarks.optimizers"
SM3_OF_ADAM = 0.01
"""State of SM3 without momentum, at most this share of Adam's."""
MOST_TIMES = 1.1
"""Time of a dense step, at most this many times that of Keras' Adam."""
LEAST_TIMES_FASTER = 20.0
"""Than Keras' AdaGrad on rows of the table, at least."""
LEAST_BYTES = 14 << 30
COUNTS = (1_000, 10_000, 100_000)
DENSE: dict[str, tuple[str, str, str]] = {
    "SM3": ("of_keras", "sm3", "graph"),
    "SM3, momentum 0": ("of_keras", "sm3-plain", "graph"),
    "Keras' Adam": ("of_keras", "keras-adam", "graph"),
    "Keras' AdaGrad": ("of_keras", "keras-adagrad", "graph"),
    "Keras' Adafactor": ("of_keras", "keras-adafactor", "graph"),
    "SM3, XLA": ("of_keras", "sm3", "xla"),
    "SM3, momentum 0, XLA": ("of_keras", "sm3-plain", "xla"),
    "Keras' Adam, XLA": ("of_keras", "keras-adam", "xla"),
    "optax.sm3, XLA": ("of_optax", "sm3", ""),
    "optax.adam, XLA": ("of_optax", "adam", ""),
    "pytorch_optimizer's SM3": ("of_pytorch", "sm3", ""),
    "torch.optim.Adam, fused": ("of_pytorch", "adam", ""),
}
SPARSE = {
    "SM3": ("of_keras", "sm3-plain"),
    "AdaGrad": ("of_keras", "adagrad"),
    "Keras' AdaGrad": ("of_keras", "keras-adagrad"),
    "pytorch_optimizer's SM3": ("of_pytorch", "sm3-plain"),
}


def _here(module: str) -> bool:
    return module == "of_keras" or PEERS_PYTHON.exists()


def _python(module: str) -> str | Path:
    return sys.executable if module == "of_keras" else PEERS_PYTHON


def state() -> list[Figure]:
    """Bytes of the slots for the tensors of the Transformer, and for one matrix."""
    matrix = keras.Variable(tf.zeros((1000, 300)))
    optimizer = MADE["sm3-plain"]()
    optimizer.build([matrix])
    (one,) = state_bytes(optimizer).values()
    print(f"a matrix (1000, 300) has {one['numbers']:,} numbers of state in SM3 without momentum\n")
    found = {}
    for name, key in (
        ("SM3", "sm3"),
        ("SM3, momentum 0", "sm3-plain"),
        ("Keras' Adam", "keras-adam"),
        ("Keras' AdaGrad", "keras-adagrad"),
        ("Keras' Adafactor", "keras-adafactor"),
    ):
        optimizer = MADE[key]()
        optimizer.build([keras.Variable(tf.zeros(shape)) for shape in TRANSFORMER])
        (part,) = state_bytes(optimizer).values()
        found[name] = part["bytes"]
    found["Adafactor of its paper"] = state_of_others(TRANSFORMER)["Adafactor"]
    for module in ("of_optax", "of_pytorch"):
        if _here(module):
            command = [str(PEERS_PYTHON), "-m", f"{PACKAGE}.{module}", "sm3", "state", "1"]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
            found |= ast.literal_eval(done.stdout.strip().splitlines()[-1])
    adam = found["Keras' Adam"]
    numbers = sum(tf.TensorShape(shape).num_elements() for shape in TRANSFORMER)
    print(f"{'state of ' + format(numbers, ',') + ' parameters':<36} {'bytes':>12} {'of Adam':>9}")
    for name, size in found.items():
        print(f"{name:<36} {size:12,} {size / adam:9.2%}")
    return [
        Figure("numbers of a matrix (1000, 300), SM3", one["numbers"], "numbers", limit=1300, noise=0.0),
        Figure("state of SM3 to Adam", found["SM3, momentum 0"] / adam, "times", limit=SM3_OF_ADAM),
    ]


def dense(rounds: int, threads: int) -> list[Figure]:
    """Time of a step on all tensors."""
    chosen = {name: words for name, words in DENSE.items() if _here(words[0])}
    with contextlib.ExitStack() as stack:
        workers = {}
        for name, (module, *words) in chosen.items():
            given = [word for word in (words[0], "dense", words[1]) if word]
            # The better of OpenMP's ways to wait is not sought: nothing else runs beside a turn.
            worker = Worker(_python(module), [f"{PACKAGE}.{module}", *given], threads)
            workers[name] = stack.enter_context(contextlib.closing(worker))
        taken = in_turns(workers, rounds)
    times = {name: [seconds / STEPS for seconds, _ in turns] for name, turns in taken.items()}
    print(f"\n{threads} threads, a step on {len(TRANSFORMER)} tensors")
    print(f"{'':<36} {'ms/step':>9} {'to Adam':>9}")
    figures = []
    for name, own in times.items():
        adam = times["Keras' Adam, XLA" if "XLA" in name else "Keras' Adam"]
        ratio = statistics.median(a / b for a, b in zip(own, adam, strict=True))
        print(f"{name:<36} {1e3 * statistics.median(own):9.2f} {ratio:9.2f}")
        limit = MOST_TIMES if name.startswith("SM3") else None
        figures.append(Figure(f"step of {name} to Keras' Adam", ratio, "times", limit=limit))
    print("`to Adam`: to Keras' Adam in the same mode, graph or XLA; others to the graph, optax to XLA")
    return figures


def rows(rounds: int, threads: int) -> list[Figure]:
    """Time of an update of the rows of a batch."""
    print(f"\n{threads} threads, ms for an update of rows of a table {ROWS:,} x {ROW_WIDTH}")
    if psutil.virtual_memory().available < LEAST_BYTES:
        print("less than 14 GiB of memory is free: left out")
        return []
    print(f"{'rows of the batch':<36}" + "".join(f"{count:>11,}" for count in COUNTS))
    times: dict[str, list[list[float]]] = {}
    for count in COUNTS:
        with contextlib.ExitStack() as stack:
            workers = {}
            for name, (module, key) in SPARSE.items():
                if _here(module):
                    mode = ["graph"] if module == "of_keras" else []
                    words = [f"{PACKAGE}.{module}", key, str(count), *mode]
                    worker = Worker(_python(module), words, threads)
                    workers[name] = stack.enter_context(contextlib.closing(worker))
            taken = in_turns(workers, rounds)
        for name, turns in taken.items():
            times.setdefault(name, []).append([seconds for seconds, _ in turns])
    for name, columns in times.items():
        print(f"{name:<36}" + "".join(f"{1e3 * statistics.median(own):11.2f}" for own in columns))
    figures = []
    for count, ours, theirs in zip(COUNTS, times["SM3"], times["Keras' AdaGrad"], strict=True):
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        limit = LEAST_TIMES_FASTER if count == COUNTS[0] else None
        figures.append(Figure(f"Keras' AdaGrad to SM3, {count:,} rows", ratio, "times", "higher", limit))
    print("Keras' AdaGrad to SM3: " + ", ".join(f"{figure.value:.0f} times" for figure in figures))
    return figures
