"""Loss after equal steps: SM3, AdaGrad and Adam on the deep part of flights; then SM3 in the memory of Adam.

    python -m benchmarks.convergence [--steps N] [--seeds N] [--root DIR]

The deep part alone (hidden layers of 256 and 128, embeddings by the usual rule) is trained on flights without
dropout, with the same schedule for all: the rate rises for a twentieth of the steps with the square of the
step and falls along a line in the last half. Rates are searched on the validation split with a seed of their
own, along a grid of factors of 2 that goes on as long as its end is best; the other settings are the defaults
of each, but for SM3 the variant is chosen in the same way: momentum of 0.9 or 0, sums or averages of squares.
Adam without momentum is shown beside it. Then each optimizer trains with every seed, which draws
weights and order, and is judged on the rows of the test split. Both splits are a sixth of the rows, drawn at
random, to measure how far an optimizer comes and not how a model ages.

In the memory of Adam: a step needs weights, gradients, the slots of the optimizer (counted from the real
ones) and for each example what the layers put out. The batch of SM3 is the greatest that needs no more than
Adam with a batch of 64.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.quality import FLIGHTS
from benchmarks.record import Figure
from benchmarks.training.rows import transformed as run_flights
from pipeline.config import load
from pipeline.plan import train_arguments
from trainer.data import TrainingOrder, open_split, prior_logits
from trainer.data.records import Columns
from trainer.models import build_wide_deep
from trainer.noise.measures import auc
from trainer.optimizers import SM3, CoolDown, WarmUp, state_bytes
from trainer.spec import FeatureSpec, ModelSpec

BATCH, SMALL = 512, 64
HIDDEN = (256, 128)
SEARCH_SEED = 100
Make = Callable[[Any], keras.optimizers.Optimizer]
OPTIMIZERS: dict[str, tuple[Make, list[float]]] = {
    "SM3, momentum 0.9": (lambda rate: SM3(rate, momentum=0.9), [0.05, 0.1, 0.2]),
    "SM3, momentum 0": (lambda rate: SM3(rate, momentum=0.0), [0.05, 0.1, 0.2]),
    "SM3, averages": (lambda rate: SM3(rate, momentum=0.0, beta=0.999), [0.004, 0.008, 0.016]),
    "AdaGrad": (lambda rate: keras.optimizers.Adagrad(rate), [0.02, 0.04, 0.08]),
    "Adam": (lambda rate: keras.optimizers.Adam(rate), [0.001, 0.002, 0.004]),
    "Adam, momentum 0": (lambda rate: keras.optimizers.Adam(rate, beta_1=0.0), [0.001, 0.002, 0.004]),
}


@dataclasses.dataclass
class Task:
    """The rows by split, and the model."""

    features: FeatureSpec
    model: ModelSpec
    bias: tuple[float, ...]
    rows: dict[str, Columns]

    def network(self, seed: int) -> keras.Model:
        """A new model that starts from the share of the positive class."""
        return build_wide_deep(self.features, self.model, seed, self.bias)


def task(root: Path) -> Task:
    """Flights, transformed by a run of the pipeline."""
    features, files = run_flights(root, None)
    arguments = train_arguments(load(FLIGHTS, []))
    model = ModelSpec.from_json(arguments["model"])
    deep = dataclasses.replace(model.deep, hidden=HIDDEN, dropout=0.0, embedding_dropout=0.0)
    model = dataclasses.replace(model, wide=dataclasses.replace(model.wide, enabled=False), deep=deep)
    model = dataclasses.replace(model, linear=dataclasses.replace(model.linear, weight=0.0))
    split = open_split(files, features)
    columns = split.columns or {}
    order = np.random.default_rng(SEARCH_SEED).permutation(split.rows)
    held = split.rows // 6
    parts = {"validation": order[:held], "test": order[held : 2 * held], "train": order[2 * held :]}
    rows = {name: {key: values[part] for key, values in columns.items()} for name, part in parts.items()}
    return Task(features, model, prior_logits(features.task, split.statistics), rows)


def trained(on: Task, make: Make, rate: float, batch: int, steps: int, seed: int) -> tuple[keras.Model, Any]:
    """A training of so many steps; the model and its optimizer."""
    network = on.network(seed)
    schedule = WarmUp(CoolDown(rate, steps, share=0.5), round(0.05 * steps))
    optimizer = make(schedule)
    variables = network.trainable_variables
    optimizer.build(variables)
    names = list(network.input)

    @tf.function(jit_compile=True, reduce_retracing=True)
    def step(columns: dict[str, tf.Tensor]) -> None:
        with tf.GradientTape() as tape:
            logits = network({name: columns[name] for name in names}, training=True)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(columns["label"][:, None], logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], variables)

    columns = on.rows["train"]
    order = TrainingOrder(len(columns["label"]), batch, seed)
    for index in range(steps):
        epoch, offset = order.position(index)
        if offset == 0:
            permutation = order.permutation(epoch)
        rows = permutation[offset * batch : (offset + 1) * batch]
        step({name: tf.constant(columns[name][rows]) for name in (*names, "label")})
    return network, optimizer


def judged(network: keras.Model, rows: Columns) -> tuple[float, float]:
    """Log loss and AUC."""
    names, labels, parts = list(network.input), rows["label"], []
    for at in range(0, len(labels), 8192):
        parts.append(network({name: rows[name][at : at + 8192] for name in names}, training=False).numpy())
    logits, y = np.concatenate(parts)[:, 0].astype(np.float64), labels.astype(np.int64)
    losses = np.logaddexp(0, logits) - y * logits
    return float(losses.mean()), auc(logits, y, np.ones(len(y)))


def searched(
    on: Task, make: Make, grid: list[float], batch: int, steps: int
) -> tuple[float, dict[float, float]]:
    """The rate of least validation loss, and the loss of each rate tried."""
    tried: dict[float, float] = {}
    rates = list(grid)
    while rates:
        for rate in rates:
            network, _ = trained(on, make, rate, batch, steps, SEARCH_SEED)
            loss = judged(network, on.rows["validation"])[0]
            tried[rate] = loss if math.isfinite(loss) else math.inf
        best = min(tried, key=lambda rate: tried[rate])
        ends = {min(tried): best / 2, max(tried): best * 2}
        rates = [ends[best]] if best in ends and len(tried) < 9 else []
    return best, tried


def memory(network: keras.Model, optimizer: keras.optimizers.Optimizer) -> tuple[int, int]:
    """Bytes of a step: of weights, gradients and slots; and of what the layers put out for one example."""
    weights = sum(math.prod(variable.shape) for variable in network.trainable_variables)
    slots = sum(part["bytes"] for part in state_bytes(optimizer).values())
    outputs = 0
    for layer in network.layers:
        shapes = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
        shapes = list(layer.output.values()) if isinstance(layer.output, dict) else shapes
        outputs += sum(4 * math.prod(size or 1 for size in one.shape[1:]) for one in shapes)
    return 8 * weights + slots, outputs


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the tables; losses beside that of SM3."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--root", type=Path, help="of an earlier run, whose rows are taken")
    given = parser.parse_args(arguments)
    print(machine.line())
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        on = task(given.root or Path(scratch))
        return _tables(on, given.steps, given.seeds)


def _tables(on: Task, steps: int, seeds: int) -> list[Figure]:
    sizes = ", ".join(f"{len(columns['label']):,} rows of {name}" for name, columns in on.rows.items())
    print(f"{sizes}; {steps} steps, {seeds} seeds")
    head = f"{'batch':>7}{'rate':>9}{'log loss':>10}  {'lowest to highest':<18}{'AUC':>8}   of the search\n"
    found: dict[str, list[float]] = {}
    chosen: dict[str, float] = {}

    def row(name: str, batch: int) -> tuple[int, int]:
        make, grid = OPTIMIZERS[name]
        rate, tried = searched(on, make, grid, batch, steps)
        losses, areas = [], []
        for seed in range(seeds):
            network, optimizer = trained(on, make, rate, batch, steps, seed)
            loss, area = judged(network, on.rows["test"])
            losses.append(loss)
            areas.append(area)
        found[f"{name}, {batch}"] = losses
        chosen[f"{name}, {batch}"] = tried[rate]
        spread = f"{min(losses):.4f} to {max(losses):.4f}"
        told = " ".join(f"{rate:g}: {loss:.4f}" for rate, loss in sorted(tried.items()))
        print(
            f"{name:<20}{batch:>7}{rate:>9g}{statistics.fmean(losses):>10.4f}  {spread:<18}"
            f"{statistics.fmean(areas):>8.4f}   {told}",
            flush=True,
        )
        return memory(network, optimizer)

    print(f"\nequal steps\n{'':<20}{head}", end="")
    for name in OPTIMIZERS:
        row(name, BATCH)
    slim = min(
        (name for name in OPTIMIZERS if name.startswith("SM3")), key=lambda name: chosen[f"{name}, {BATCH}"]
    )
    ours, figures = found[f"{slim}, {BATCH}"], []
    for name in ("AdaGrad", "Adam", "Adam, momentum 0"):
        theirs = found[f"{name}, {BATCH}"]
        ratio = statistics.fmean(ours) / statistics.fmean(theirs)
        # No worse: by no more than half of what the seeds of both differ by.
        slack = (max(ours) - min(ours) + max(theirs) - min(theirs)) / 2 / statistics.fmean(theirs)
        limit = None if name == "Adam, momentum 0" else 1 + slack
        figures.append(Figure(f"loss of SM3 to {name}", ratio, "times", limit=limit, noise=0.01))
    print(f"\nequal steps and memory\n{'':<20}{head}", end="")
    network = on.network(0)
    kept, each = row("Adam", SMALL)
    row("Adam, momentum 0", SMALL)
    optimizer = OPTIMIZERS[slim][0](0.1)
    optimizer.build(network.trainable_variables)
    own, _ = memory(network, optimizer)
    batch = SMALL + (kept - own) // each
    row(slim, batch)
    print(
        f"Adam {kept / 1e6:.2f} MB + {SMALL} x {each:,} B, SM3 {own / 1e6:.2f} MB + {batch} x {each:,} B, "
        f"both {(kept + SMALL * each) / 1e6:.2f} MB"
    )
    large, small = found[f"{slim}, {batch}"], found[f"Adam, {SMALL}"]
    ratio = statistics.fmean(large) / statistics.fmean(small)
    figures.append(Figure("loss of SM3 to Adam in its memory", ratio, "times", limit=1.0, noise=0.01))
    return figures


if __name__ == "__main__":
    main()
