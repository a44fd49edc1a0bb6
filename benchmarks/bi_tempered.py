"""Time and error of the bi-tempered loss, forward and backward, beside softmax cross-entropy.

    python -m benchmarks.bi_tempered [--rounds N] [--threads N]

All are compiled with XLA and take the same logits. `five steps` is the published way to find the normaliser,
by five steps of a fixed-point iteration, written down plainly. Errors are the greatest distance of a sum of
probabilities from 1 over random logits of several scales, summed in float64. In each round everything takes
its turn, in an order drawn anew; the ratio is the median of the ratios inside a round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.record import Figure
from trainer.losses import bi_tempered_logistic_loss, tempered_softmax

T1, T2 = 0.8, 1.2
OTHERS = ((0.8, 1.2), (0.5, 1.5), (0.3, 2.7), (0.5, 4.0))
SIZES = ((512, 1_000), (64, 32_000))
SCALES = (0.01, 1.0, 10.0, 1000.0)
MOST_TIMES = 3.0
MOST_ERROR = 1e-6
STEPS, WARM_UP = 5, 3
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def softmax(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The loss that everything is compared with."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def five_steps(logits: tf.Tensor, t: float) -> tf.Tensor:
    """Probabilities by five steps of the fixed-point iteration of the paper, appendix A."""
    highest = tf.reduce_max(logits, -1, keepdims=True)
    start = logits - highest
    now = start
    for _ in range(STEPS):
        total = tf.reduce_sum(_exp(now, t), -1, keepdims=True)
        now = start * total ** (1.0 - t)
    total = tf.reduce_sum(_exp(now, t), -1, keepdims=True)
    shift = (total ** (t - 1.0) - 1.0) / (t - 1.0) + highest
    return _exp(logits - shift, t)


def _exp(values: tf.Tensor, t: float) -> tf.Tensor:
    return tf.nn.relu(1.0 + (1.0 - t) * values) ** (1.0 / (1.0 - t))


def plain(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The loss from these probabilities, with the gradient of the paper."""

    @tf.custom_gradient
    def loss(logits: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        p = five_steps(logits, T2)
        y = tf.one_hot(labels, logits.shape[-1])
        terms = y * (_log(y + 1e-10, T1) - _log(p, T1))
        terms -= (y ** (2.0 - T1) - p ** (2.0 - T1)) / (2.0 - T1)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            q = (p - y) * p ** (T2 - T1)
            escort = p**T2 / tf.reduce_sum(p**T2, -1, keepdims=True)
            return upstream[:, None] * (q - escort * tf.reduce_sum(q, -1, keepdims=True))

        return tf.reduce_sum(terms, -1), gradient

    found: tf.Tensor = loss(logits)
    return found


def _log(values: tf.Tensor, t: float) -> tf.Tensor:
    return (values ** (1.0 - t) - 1.0) / (1.0 - t)


def tempered(t1: float, t2: float) -> Loss:
    """Ours."""
    return lambda labels, logits: bi_tempered_logistic_loss(labels, logits, t1, t2)


def compiled(loss: Loss) -> Callable[..., Any]:
    """Loss and gradient."""

    @tf.function(jit_compile=True)
    def both(labels: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            total = tf.reduce_sum(loss(labels, logits))
        return total, tape.gradient(total, logits)

    return both


def seconds(losses: dict[str, Loss], rows: int, classes: int, rounds: int) -> dict[str, list[float]]:
    """Times of forward and backward, by loss."""
    rng = np.random.default_rng(4)
    logits = [tf.constant(rng.normal(0, 3, (rows, classes)), tf.float32) for _ in range(3)]
    labels = tf.constant(rng.integers(0, classes, rows), tf.int32)
    functions = {name: compiled(loss) for name, loss in losses.items()}
    taken: dict[str, list[float]] = {name: [] for name in losses}
    for turn in range(WARM_UP + rounds):
        for name in rng.permutation(list(losses)):
            started = time.perf_counter()
            for given in logits:
                functions[name](labels, given)[1][0, 0].numpy()
            if turn >= WARM_UP:
                taken[name].append((time.perf_counter() - started) / len(logits))
    return taken


def worst(function: Callable[[tf.Tensor], tf.Tensor], classes: int) -> float:
    """Greatest distance of a sum of probabilities from 1."""
    rng = np.random.default_rng(6)
    found = 0.0
    for scale in SCALES:
        logits = tf.constant(rng.normal(0, scale, (32, classes)), tf.float32)
        sums = function(logits).numpy().astype(np.float64).sum(-1)
        found = max(found, float(np.abs(sums - 1).max()))
    return found


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the tables; ratios and errors with their promises."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25, help="turns that count")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    print(machine.line())
    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    tf.config.threading.set_inter_op_parallelism_threads(given.threads)
    losses: dict[str, Loss] = {"softmax cross-entropy": softmax, "five steps (0.8, 1.2)": plain}
    losses |= {f"ours ({t1:g}, {t2:g})": tempered(t1, t2) for t1, t2 in OTHERS}
    figures = []
    print(f"{given.threads} threads, forward and backward\n{'':<24}", end="")
    print("".join(f"{f'{rows} x {classes:,}':>24}" for rows, classes in SIZES))
    table = {size: seconds(losses, *size, given.rounds) for size in SIZES}
    for name in losses:
        line = f"{name:<24}"
        for size, times in table.items():
            ratio = statistics.median(
                a / b for a, b in zip(times[name], times["softmax cross-entropy"], strict=True)
            )
            line += f"{1e3 * statistics.median(times[name]):12.2f} ms {ratio:6.2f} x"
            if name.startswith("ours"):
                promised = MOST_TIMES if name == f"ours ({T1:g}, {T2:g})" else None
                figures.append(
                    Figure(f"{name} to softmax, {size[1]:,} classes", ratio, "times", limit=promised)
                )
        print(line)
    print("\ngreatest distance of a sum of probabilities from 1\n" + f"{'':<24}", end="")
    print("".join(f"{classes:>14,}" for _, classes in SIZES))
    for name, function in (("five steps", five_steps), ("ours", tempered_softmax)):
        for _, t in OTHERS:
            found = [worst(lambda logits, t=t, f=function: f(logits, t), size) for _, size in SIZES]
            print(f"{f'{name}, t2 = {t:g}':<24}" + "".join(f"{error:14.1e}" for error in found))
            if name == "ours":
                figures += [
                    Figure(f"error at t2 {t:g}, {size[1]:,} classes", error, "", limit=MOST_ERROR, noise=10.0)
                    for size, error in zip(SIZES, found, strict=True)
                ]
    return figures


if __name__ == "__main__":
    main()
