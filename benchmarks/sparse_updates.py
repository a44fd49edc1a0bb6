"""Time of one update of an embedding table from the rows of a batch: two ways to touch only these, and Keras.

    python -m benchmarks.sparse_updates

A batch holds 512 * 30 row gradients of 7,680 distinct rows, each row twice, drawn anew for every round, so
the small and the large table get the same work and differ in memory only. `gather and scatter` and `fused
kernel` both run on the output of `distinct_rows`, whose time is in theirs; a star marks what the project's
optimizers do. In each round every update runs once, in an order drawn anew; Keras' pass over the whole large
table leaves the processor's cache cold for whatever follows it. Medians of the rounds after warm-up; one
thread. The limit is the time to read and write the rows of the table and of its slots, in whole lines of 64
bytes, at the bandwidth of copying memory.
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
from benchmarks.record import Figure
from benchmarks.training import limits
from trainer.optimizers import FTRL, AdaGrad
from trainer.optimizers.rows import RowOptimizer

BATCH = 512 * 30
SMALL, LARGE = 10_000, 2_000_000
ROUNDS = {SMALL: 60, LARGE: 50}
WARM_UP = 2
LINE_BYTES = 64
RATE, ACCUMULATOR, EPSILON, L1, L2 = 0.05, 0.1, 1e-7, 0.001, 0.001

Update = Callable[[tf.Tensor, tf.Tensor], None]


class ScatterFTRL(FTRL):
    """FTRL without the fused kernel, whatever the width."""

    update_distinct = RowOptimizer.update_distinct


class FusedFTRL(FTRL):
    """FTRL with the fused kernel, whatever the width."""

    def update_distinct(
        self,
        indices: tf.Tensor,
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
        variable: tf.Variable,
        *slots: tf.Variable,
    ) -> None:
        accumulator, linear = slots
        tf.raw_ops.ResourceSparseApplyFtrlV2(
            var=variable.handle, accum=accumulator.handle, linear=linear.handle, grad=gradient,
            indices=indices, lr=learning_rate, l1=L1, l2=L2, l2_shrinkage=0.0, lr_power=-0.5,
        )  # fmt: skip


class FusedAdaGrad(AdaGrad):
    """AdaGrad with the fused kernel."""

    def update_distinct(
        self,
        indices: tf.Tensor,
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
        variable: tf.Variable,
        *slots: tf.Variable,
    ) -> None:
        tf.raw_ops.ResourceSparseApplyAdagradV2(
            var=variable.handle, accum=slots[0].handle, lr=learning_rate, epsilon=EPSILON, grad=gradient,
            indices=indices,
        )  # fmt: skip


def ftrl(kind: type[FTRL]) -> Callable[[], keras.optimizers.Optimizer]:
    """Makes FTRL of a kind."""
    return lambda: kind(RATE, L1, L2, -0.5, ACCUMULATOR)


WAYS = ("gather and scatter", "fused kernel", "Keras")
FTRLS = (ftrl(ScatterFTRL), ftrl(FusedFTRL), lambda: keras.optimizers.Ftrl(RATE, -0.5, ACCUMULATOR, L1, L2))
ADAGRADS = (
    lambda: AdaGrad(RATE, ACCUMULATOR, EPSILON),
    lambda: FusedAdaGrad(RATE, ACCUMULATOR, EPSILON),
    lambda: keras.optimizers.Adagrad(RATE, ACCUMULATOR, EPSILON),
)
SLOTS = {"FTRL": FTRL.slot_names, "AdaGrad": AdaGrad.slot_names}
# Name, width of a row, the optimizer in each of the ways, and which way is ours.
CASES = (("FTRL", 1, FTRLS, 1), ("FTRL", 16, FTRLS, 0), ("AdaGrad", 16, ADAGRADS, 0))


def compiled(optimizer: keras.optimizers.Optimizer, rows: int, width: int) -> Update:
    """`optimizer.apply` on a table of its own."""
    table = keras.Variable(tf.random.stateless_normal((rows, width), seed=(1, 2), stddev=0.05))
    optimizer.build([table])
    shape = tf.constant([rows, width])
    update: Update = tf.function(
        lambda values, ids: optimizer.apply([tf.IndexedSlices(values, ids, shape)], [table])
    )
    return update


def milliseconds(
    makers: tuple[Callable[[], keras.optimizers.Optimizer], ...], rows: int, width: int
) -> list[float]:
    """Median of each way on tables of so many rows."""
    rng = np.random.default_rng(7)
    steps = [compiled(make(), rows, width) for make in makers]
    taken: list[list[float]] = [[] for _ in steps]
    for turn in range(WARM_UP + ROUNDS[rows]):
        distinct = rng.choice(rows, BATCH // 2, replace=False, shuffle=False)
        ids = tf.constant(rng.permutation(np.repeat(distinct, 2)), tf.int64)
        values = tf.constant(rng.normal(0, 0.01, (BATCH, width)), tf.float32)
        for way in rng.permutation(len(steps)):
            started = time.perf_counter()
            steps[way](values, ids)
            if turn >= WARM_UP:
                taken[way].append(1e3 * (time.perf_counter() - started))
    return [statistics.median(times) for times in taken]


def limit_milliseconds(rows: int, width: int, arrays: int, bytes_per_second: float) -> float:
    """Least time to read and write the distinct rows of a batch in so many arrays of `rows` rows."""
    moved = min(rows * 4 * width, BATCH // 2 * max(LINE_BYTES, 4 * width))
    return 1e3 * 2 * arrays * moved / bytes_per_second


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; how ours compare with Keras'."""
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args(arguments)
    print(machine.line())
    tf.get_logger().setLevel("ERROR")  # functions from one line look like retracing
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    bandwidth = limits.turns(1, [])(0)["copy"]
    print(f"{BATCH:,} row gradients, median ms of {ROUNDS[SMALL]} and {ROUNDS[LARGE]} calls, * ours")
    print(f"{'':<35}" + "".join(f"{way:>21}" for way in WAYS) + f"{'limit':>8}")
    figures = []
    for name, width, makers, ours in CASES:
        for rows in (SMALL, LARGE):
            times = milliseconds(makers, rows, width)
            shown = [f"{time_:.2f}{'*' if way == ours else ' '}" for way, time_ in enumerate(times)]
            case = f"{name}, width {width}, {rows:,} rows"
            least = limit_milliseconds(rows, width, 1 + len(SLOTS[name]), bandwidth)
            print(f"{case:<35}" + "".join(f"{text:>21}" for text in shown) + f"{least:8.2f}")
            figures.append(Figure(f"Keras' to ours, {case}", times[-1] / times[ours], "times", "higher"))
    return figures


if __name__ == "__main__":
    main()
