"""Time of a training step with one peer, with a peer that is absent, and without codistillation.

The models are those of the example of flights and of `by_word.yaml`, the steps the project's own, on batches
held in memory. All three take turns in one process, in an order drawn anew; ratios are the medians of the
ratios inside a round.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.apart import apart_call
from benchmarks.codistillation.data import PRONUNCIATION, prepare
from benchmarks.codistillation.parts import Given, Json
from benchmarks.quality import FLIGHTS
from benchmarks.record import Figure

THREADS = (1, 2)
ALONE, ABSENT, PRESENT = "alone", "a peer absent", "a peer"
KINDS = (ALONE, ABSENT, PRESENT)
MODELS = {"Wide & Deep, flights": FLIGHTS, "LSTM, words": PRONUNCIATION}
MOST_TIMES, MOST_ABSENT = 1.4, 1.05
WARM_UP = 3
BLOCKS, STEPS, SEQUENCE_STEPS = 3, 64, 12
SCHEDULED_STEPS = 1_000_000
"""Of the decay: no rate may reach 0 while there are turns."""

Turn = Callable[[int], int]
"""Takes a turn by its number; the steps in it."""


def measure(given: Given) -> Json:
    """Seconds of a step in each round, by model, threads and kind."""
    found: Json = {}
    for name, config in MODELS.items():
        spec = prepare(config, given.root, given.overrides).spec().to_json()
        # Two threads on one core would take turns with each other.
        counts = [count for count in THREADS if count <= len(os.sched_getaffinity(0))]
        found[name] = {str(count): apart_call(turns, spec, count, given.rounds) for count in counts}
    return found


def turns(told: Json, threads: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of a step, by kind; to be called in a process of its own.

    Args:
        told: a `RunSpec` as JSON.
        threads: int. Threads and cores.
        rounds: int. Turns that count.
    """
    import tensorflow as tf

    from benchmarks.training.worker import use_cores
    from trainer.loop import RunSpec
    from trainer.spec import SequenceFeatureSpec

    use_cores(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    spec = RunSpec.from_json(told)
    make = _sequences if isinstance(spec.features, SequenceFeatureSpec) else _tables
    trainers = make(spec)
    rng = np.random.default_rng()
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(WARM_UP + rounds):
        for kind in rng.permutation(KINDS):
            started = time.perf_counter()
            steps = trainers[kind](number)
            if number >= WARM_UP:
                taken[kind].append((time.perf_counter() - started) / steps)
    return taken


def _teacher(kind: str, build: Callable[[], Any], strategy: Any) -> Any:
    """A teacher whose weight is 1 from the first step on, with one peer of random weights."""
    from trainer.codistillation.peers import Peers
    from trainer.codistillation.teacher import Teacher
    from trainer.codistillation.teaching import Teaching

    if kind == ALONE:
        return None
    with strategy.scope():
        teacher = Teacher(Peers(build, [1]), Teaching(1.0, 0, 0))
    if kind == PRESENT:
        teacher.peers.assign(1, {one.path: one.numpy() for one in build().trainable_variables})
    return teacher


def _tables(spec: Any) -> dict[str, Turn]:
    from trainer.data import TrainingOrder, open_split, training_blocks
    from trainer.distribution import choose_strategy, compiles
    from trainer.loop.averaging import WeightAverage
    from trainer.loop.objective import objective_for
    from trainer.loop.stepper import Stepper
    from trainer.models import build_wide_deep
    from trainer.optimizers import build_optimizer

    plan, model = spec.train, spec.model
    strategy = choose_strategy("cpu")
    split = open_split(spec.train_files, spec.features)
    order = TrainingOrder(split.rows, plan.batch_size, plan.seed)
    objective, bias = objective_for(spec.features, plan, split.statistics, SCHEDULED_STEPS)
    held = list(training_blocks(split, order, 0, [min(STEPS, order.steps_per_epoch)] * BLOCKS))
    found: dict[str, Turn] = {}
    for kind in KINDS:
        with strategy.scope():
            network = build_wide_deep(spec.features, model, plan.seed, bias)
            optimizer = build_optimizer(
                network, model.wide, model.deep, plan.learning_rate_decay, SCHEDULED_STEPS, model.linear
            )
            average = WeightAverage(network.trainable_variables, 0.0)
        teacher = _teacher(kind, lambda: build_wide_deep(spec.features, model, plan.seed), strategy)
        jit = compiles(strategy, plan.jit_compile)
        stepper = Stepper(
            strategy, spec.features, network, optimizer, average, objective, order.batch, jit, teacher
        )
        found[kind] = lambda number, stepper=stepper: len(stepper.train(held[number % BLOCKS])[1])  # type: ignore[misc]
    return found


def _sequences(spec: Any) -> dict[str, Turn]:
    import keras

    from trainer.data.sequence import BucketOrder, open_sequences, training_batches
    from trainer.distribution import choose_strategy, compiles
    from trainer.loop.averaging import WeightAverage
    from trainer.loop.sequence.auxiliary import Auxiliary
    from trainer.loop.sequence.objective import sequence_objective
    from trainer.loop.sequence.stepper import SequenceStepper
    from trainer.loop.sequence.training import specs
    from trainer.models.sequence import build_sequence_model
    from trainer.optimizers import build_sequence_optimizer

    plan = spec.train
    layers, own = specs(spec.model, plan)
    if own.precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    strategy = choose_strategy("cpu")
    table = open_sequences(spec.train_files, spec.features)
    order = BucketOrder(table, own.buckets, own.batch_tokens, plan.seed, 1)
    count = min(BLOCKS * SEQUENCE_STEPS, order.steps_per_epoch)
    held = list(training_batches(table, order, 0, itertools.repeat(1, count)))

    def build() -> Any:
        return build_sequence_model(spec.features, layers, plan.seed)

    found: dict[str, Turn] = {}
    for kind in KINDS:
        with strategy.scope():
            network = build()
            optimizer = build_sequence_optimizer(network, own, SCHEDULED_STEPS)
            average = WeightAverage(network.trainable_variables, plan.weight_averaging)
        stepper = SequenceStepper(
            strategy,
            network,
            optimizer,
            average,
            sequence_objective(plan, SCHEDULED_STEPS),
            Auxiliary(own.auxiliary, SCHEDULED_STEPS),
            compiles(strategy, plan.jit_compile),
            teacher=_teacher(kind, build, strategy),
        )

        def turn(number: int, stepper: Any = stepper) -> int:
            first = number % BLOCKS * SEQUENCE_STEPS
            batches = held[first : first + SEQUENCE_STEPS] or held
            return sum(len(stepper.train(batch)[1]) for batch in batches)

        found[kind] = turn
    return found


def ratios(seconds: dict[str, list[float]], kind: str) -> list[float]:
    """Time of a step beside that of a single training, round by round.

    Example:
        >>> ratios({"alone": [2.0, 4.0], "a peer": [3.0, 5.0]}, "a peer")
        [1.5, 1.25]
    """
    # Both of a round, so that a load that comes and goes weighs on both.
    return [own / alone for own, alone in zip(seconds[kind], seconds[ALONE], strict=True)]


def table(found: Json) -> Iterator[str]:
    """A row for each model and number of threads."""
    yield f"{'':<24} {'threads':>7} {'alone, ms':>10} {'spread':>15} " + "".join(
        f"{kind:>14} {'spread':>11}" for kind in KINDS[1:]
    )
    for name, by_threads in found.items():
        for threads, seconds in by_threads.items():
            alone = [1000 * value for value in seconds[ALONE]]
            line = f"{name:<24} {threads:>7} {statistics.median(alone):10.2f} "
            line += f"{f'{min(alone):.2f}-{max(alone):.2f}':>15} "
            for kind in KINDS[1:]:
                beside = ratios(seconds, kind)
                line += f"{statistics.median(beside):12.2f} x {f'{min(beside):.2f}-{max(beside):.2f}':>11}"
            yield line


def figures(found: Json) -> list[Figure]:
    """Both ratios with what is promised."""
    made = []
    for name, by_threads in found.items():
        for threads, seconds in by_threads.items():
            where = f"{name}, {threads} thread{'s' if threads != '1' else ''}"
            for kind, limit in ((ABSENT, MOST_ABSENT), (PRESENT, MOST_TIMES)):
                ratio = statistics.median(ratios(seconds, kind))
                made.append(Figure(f"a step with {kind}, {where}", ratio, "times", limit=limit))
    return made
