"""What the machine can do at most, measured between the turns of the trainers.

    python -m benchmarks.training.limits THREADS

Memory bandwidth is that of copying 1 GiB, read and written bytes counted; the matmul peak is that of float32
matrices of 2,048 x 2,048, and of the hidden layers' own shapes; a cold row is one of 64 bytes, gathered at a
random place of a 640 MB table. Large tables are mapped, and their pages touched, before the clock starts.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from benchmarks.training.worker import Turn, serve, use_cores

COPIED_BYTES = 1 << 30
SQUARE = 2048
ROWS, WIDTH, GATHERED = {"hot": 10_000, "cold": 10_000_000}, 16, 100_000


def timed(work: Callable[[], object]) -> float:
    """Seconds of it."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def turns(threads: int, shapes: list[tuple[int, int, int]]) -> Turn:
    """Measures `copy` in bytes/s, `square` and `shapes` in FLOP/s, `hot` and `cold` in seconds a row."""
    source, target = (np.ones((threads, COPIED_BYTES // threads), np.uint8) for _ in range(2))
    tables = {kind: tf.Variable(tf.ones((rows, WIDTH))) for kind, rows in ROWS.items()}
    square = tf.random.normal((SQUARE, SQUARE))
    layers = [(tf.random.normal((a, b)), tf.random.normal((b, c)), 2 * a * b * c) for a, b, c in shapes]
    multiply = tf.function(tf.matmul)
    gather = tf.function(lambda table, rows: tf.reduce_sum(tf.gather(table, rows)))
    rng, pool = np.random.default_rng(), ThreadPoolExecutor(threads)

    def turn(_: int) -> dict[str, float]:
        copied = timed(lambda: list(pool.map(np.copyto, target, source)))
        squared = timed(lambda: multiply(square, square).numpy())
        shaped = timed(lambda: [multiply(a, b) for a, b, _ in layers for _ in range(20)])
        found = {
            "copy": 2 * COPIED_BYTES / copied,
            "square": 2 * SQUARE**3 / squared,
            "shapes": 20 * sum(flop for *_, flop in layers) / shaped,
        }
        for kind, table in tables.items():
            rows = tf.constant(rng.integers(0, ROWS[kind], GATHERED))
            found[kind] = timed(lambda table=table, rows=rows: gather(table, rows).numpy()) / GATHERED
        return found

    return turn


def main(arguments: list[str]) -> None:
    """Takes turns."""
    *sizes, threads = map(int, arguments)
    use_cores(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    batch, *units = sizes
    serve(turns(threads, [(batch, a, b) for a, b in itertools.pairwise(units)]))


if __name__ == "__main__":
    main(sys.argv[1:])
