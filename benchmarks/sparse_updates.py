"""Time of one update of an embedding table from the rows of a batch: ours, TensorFlow's fused kernels, Keras.

    python -m benchmarks.sparse_updates

A batch holds 512 * 30 row gradients of 7,680 distinct rows, each row twice, drawn anew for every round, so
the small and the large table get the same work and differ in memory only. `fused` runs on the output of
`distinct_rows`, as ours does, and that step is in the time of both; its own time has a row of its own.
In each round every update runs once, in an order drawn anew; Keras' pass over the whole large table leaves
the processor's cache cold for whatever follows it. Medians of the rounds after warm-up; one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from trainer.optimizers import FTRL, AdaGrad
from trainer.optimizers.rows import distinct_rows

BATCH, WIDTH = 512 * 30, 16
SMALL, LARGE = 10_000, 2_000_000
ROUNDS = {SMALL: 60, LARGE: 50}
WARM_UP = 2
RATE, ACCUMULATOR, EPSILON, L1, L2 = 0.05, 0.1, 1e-7, 0.001, 0.001

Update = Callable[[tf.IndexedSlices], None]


def variable(rows: int, start: float | None = None) -> tf.Variable:
    """A table of small weights, or of one number."""
    if start is not None:
        return tf.Variable(tf.fill((rows, WIDTH), tf.constant(start)))
    return tf.Variable(tf.random.stateless_normal((rows, WIDTH), seed=(1, 2), stddev=0.05))


def by_optimizer(optimizer: keras.optimizers.Optimizer, rows: int) -> Update:
    """`optimizer.apply` on a table of its own."""
    table = keras.Variable(tf.random.stateless_normal((rows, WIDTH), seed=(1, 2), stddev=0.05))
    optimizer.build([table])
    return lambda gradient: optimizer.apply([gradient], [table])


def fused_adagrad(rows: int) -> Update:
    """TensorFlow's kernel on the distinct rows."""
    table, accumulator = variable(rows), variable(rows, ACCUMULATOR)

    def update(gradient: tf.IndexedSlices) -> None:
        indices, sums = distinct_rows(gradient)
        tf.raw_ops.ResourceSparseApplyAdagradV2(
            var=table.handle, accum=accumulator.handle, lr=RATE, epsilon=EPSILON, grad=sums, indices=indices
        )

    return update


def fused_ftrl(rows: int) -> Update:
    """TensorFlow's kernel on the distinct rows."""
    table, accumulator, linear = variable(rows), variable(rows, ACCUMULATOR), variable(rows, 0.0)

    def update(gradient: tf.IndexedSlices) -> None:
        indices, sums = distinct_rows(gradient)
        tf.raw_ops.ResourceSparseApplyFtrlV2(
            var=table.handle, accum=accumulator.handle, linear=linear.handle, grad=sums, indices=indices,
            lr=RATE, l1=L1, l2=L2, l2_shrinkage=0.0, lr_power=-0.5,
        )  # fmt: skip

    return update


def only_distinct(_rows: int) -> Update:
    """The step that ours and the fused kernels share; the assignment keeps it from being pruned."""
    kept = tf.Variable(tf.zeros((WIDTH,)))

    def update(gradient: tf.IndexedSlices) -> None:
        kept.assign(distinct_rows(gradient)[1][0])

    return update


OURS = {"AdaGrad": "AdaGrad, ours", "FTRL": "FTRL, ours"}
UPDATES: dict[str, tuple[str, Callable[[int], Update]]] = {
    "AdaGrad, ours": ("AdaGrad", lambda rows: by_optimizer(AdaGrad(RATE, ACCUMULATOR, EPSILON), rows)),
    "AdaGrad, fused kernel": ("AdaGrad", fused_adagrad),
    "AdaGrad, Keras": (
        "AdaGrad",
        lambda rows: by_optimizer(keras.optimizers.Adagrad(RATE, ACCUMULATOR, EPSILON), rows),
    ),
    "FTRL, ours": ("FTRL", lambda rows: by_optimizer(FTRL(RATE, L1, L2, -0.5, ACCUMULATOR), rows)),
    "FTRL, fused kernel": ("FTRL", fused_ftrl),
    "FTRL, Keras": (
        "FTRL",
        lambda rows: by_optimizer(keras.optimizers.Ftrl(RATE, -0.5, ACCUMULATOR, L1, L2), rows),
    ),
    "distinct_rows alone": ("", only_distinct),
}


def milliseconds(rows: int) -> dict[str, float]:
    """Median of each update on tables of so many rows."""
    rng = np.random.default_rng(7)

    def compiled(update: Update) -> Callable[[tf.Tensor, tf.Tensor], None]:
        return tf.function(
            lambda values, ids: update(tf.IndexedSlices(values, ids, tf.constant([rows, WIDTH])))
        )

    steps = {name: compiled(make(rows)) for name, (_, make) in UPDATES.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + ROUNDS[rows]):
        distinct = rng.choice(rows, BATCH // 2, replace=False, shuffle=False)
        ids = tf.constant(rng.permutation(np.repeat(distinct, 2)), tf.int64)
        values = tf.constant(rng.normal(0, 0.01, (BATCH, WIDTH)), tf.float32)
        for name in rng.permutation(list(steps)):
            started = time.perf_counter()
            steps[name](values, ids)
            if turn >= WARM_UP:
                taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(times) for name, times in taken.items()}


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args(arguments)
    print(machine.line())
    tf.get_logger().setLevel("ERROR")  # seven functions from one line look like retracing
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    small, large = milliseconds(SMALL), milliseconds(LARGE)
    print(f"{BATCH:,} row gradients of width {WIDTH}, median ms of {ROUNDS[SMALL]} and {ROUNDS[LARGE]} calls")
    heads = f"{f'{SMALL:,} rows':>12} {f'{LARGE:,} rows':>15} {'large/small':>12}"
    print(f"{'':<22} {heads} {'to ours, large':>15}")
    for name, (kind, _) in UPDATES.items():
        ours = f"{large[name] / large[OURS[kind]]:15.2f}" if kind else ""
        times = f"{small[name]:12.2f} {large[name]:15.2f} {large[name] / small[name]:12.1f}"
        print(f"{name:<22} {times} {ours}".rstrip())


if __name__ == "__main__":
    main()
