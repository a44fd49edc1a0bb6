"""Turns of optimizers for Keras: the project's and Keras' own.

    python -m benchmarks.optimizers.of_keras NAME dense|COUNT graph|xla THREADS

A dense turn takes steps on all tensors of the Transformer; with a number it updates as many rows of the
table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from benchmarks.optimizers.shapes import ROW_WIDTH, ROWS, STEPS, TRANSFORMER, batch, gradients
from benchmarks.training.worker import Turn, serve, use_cores
from trainer.optimizers import SM3, AdaGrad

MADE: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "sm3": lambda: SM3(0.1),
    "sm3-plain": lambda: SM3(0.1, momentum=0.0),
    "adagrad": lambda: AdaGrad(0.1),
    "keras-adam": lambda: keras.optimizers.Adam(0.001),
    "keras-adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "keras-adafactor": lambda: keras.optimizers.Adafactor(0.001),
}


def dense(name: str, jit: bool) -> Turn:
    """Steps on every tensor."""
    optimizer = MADE[name]()
    variables = [keras.Variable(tf.zeros(shape)) for shape in TRANSFORMER]
    optimizer.build(variables)
    given = [tf.constant(value) for value in gradients()]
    step = tf.function(lambda values: optimizer.apply(values, variables), jit_compile=jit)

    def turn(_: int) -> float:
        for _ in range(STEPS):
            step(given)
        return float(variables[-1].numpy()[0])

    return turn


def rows(name: str, count: int) -> tuple[Turn, Callable[[], None]]:
    """An update of `count` rows, and what draws them."""
    optimizer = MADE[name]()
    table = keras.Variable(tf.zeros((ROWS, ROW_WIDTH)))
    optimizer.build([table])
    shape = tf.constant([ROWS, ROW_WIDTH])
    update = tf.function(
        lambda values, ids: optimizer.apply([tf.IndexedSlices(values, ids, shape)], [table]),
        reduce_retracing=True,
    )
    drawn: dict[str, Any] = {"number": 0}

    def draw() -> None:
        ids, values = batch(drawn["number"], count)
        drawn.update(number=drawn["number"] + 1, ids=tf.constant(ids), values=tf.constant(values))

    def turn(_: int) -> float:
        update(drawn["values"], drawn["ids"])
        # Not `table.value[0, 0]`, which after a row update is a copy of the table first.
        return float(tf.gather(table.value, 0)[0].numpy())

    return turn, draw


def main(arguments: list[str]) -> None:
    """Takes turns."""
    name, kind, way, threads = arguments
    use_cores(int(threads))
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    if kind == "dense":
        serve(dense(name, way == "xla"))
    else:
        serve(*rows(name, int(kind)))


if __name__ == "__main__":
    main(sys.argv[1:])
