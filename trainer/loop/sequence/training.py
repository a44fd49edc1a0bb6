"""Training of sequences from files to weights."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from trainer.checkpoints import CheckpointStore
from trainer.codistillation.membership import Membership
from trainer.data.sequence import (
    BucketOrder,
    SequenceBatch,
    SequenceTable,
    evaluation_batches,
    open_sequences,
    training_batches,
)
from trainer.distribution import choose_strategy, compiles
from trainer.loop.averaging import WeightAverage
from trainer.loop.loop import Loop
from trainer.loop.progress import Heartbeat, Progress
from trainer.loop.sequence.auxiliary import Auxiliary, check_auxiliary
from trainer.loop.sequence.objective import SequenceObjective, sequence_objective
from trainer.loop.sequence.sample import DecodedSample
from trainer.loop.sequence.stepper import SequenceStepper
from trainer.loop.state import State, Weights, identity
from trainer.loop.stopping import EarlyStopping
from trainer.models.sequence import build_sequence_model
from trainer.optimizers import build_sequence_optimizer
from trainer.quantisation import begins
from trainer.spec import (
    ModelSpec,
    ReplicaSpec,
    SequenceFeatureSpec,
    SequenceModelSpec,
    SequenceTrainSpec,
    TrainSpec,
)


@dataclasses.dataclass(frozen=True)
class SequenceResult:
    """What a training of sequences found.

    Args:
        weights: of `model.trainable_variables`, the best by validation loss, or the last.
        temperature: of the softmax that makes probabilities of logits.
        table: the training split.
        history: one entry for each evaluation.
        summary: what happened, as JSON.
    """

    weights: Weights
    temperature: float
    table: SequenceTable
    history: list[dict[str, Any]]
    summary: dict[str, Any]


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """The type of the factors of matrix products in models that are made in the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if name == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def specs(model: ModelSpec, plan: TrainSpec) -> tuple[SequenceModelSpec, SequenceTrainSpec]:
    """The parts for sequences of both records, their defaults where they are left out."""
    return model.sequence or SequenceModelSpec(), plan.sequence or SequenceTrainSpec()


def train_sequences(
    features: SequenceFeatureSpec,
    model: ModelSpec,
    plan: TrainSpec,
    train_files: Sequence[str | Path],
    validation_files: Sequence[str | Path] | None,
    checkpoint_dir: str | Path,
    run_dir: str | Path,
    progress: Progress | None = None,
    replica: ReplicaSpec | None = None,
) -> SequenceResult:
    """Trains a sequence model, going on from the newest checkpoint if there is one.

    Each entry of the history holds `step`, `epoch`, `examples`, `tokens` (units of both sides and ends of
    targets), `loss` (mean training loss of the first task since the entry before, None without a step of
    it), `validation_loss` (mean over units and ends of minus the logarithm of their probability),
    `validation_perplexity` (its exponential), `validation_exact_match` (share of up to 256 sources whose
    greedy hypothesis equals a target of theirs; not for a language model, nor on a TPU),
    `examples_per_second` and `tokens_per_second` (since the entry before, whatever the time went to) and
    `seconds` (since the start, over all attempts). Without a validation split its loss is None and its other
    numbers are absent.

    Args:
        features: what the examples hold.
        model: its `sequence` part counts.
        plan: the training loop; `batch_size` is not used.
        train_files: TFRecord files of transformed examples.
        validation_files: the same for early stopping; empty or None for none.
        checkpoint_dir: this training's own directory.
        run_dir: gets `history.json` and TensorBoard logs.
        progress: called after each step but the first; None logs a line every 10 seconds. Defaults to
            `None`.
        replica: which one of a group this is, if `plan.codistillation` is given. Defaults to `None`.

    Returns:
        The weights to export.

    Raises:
        TandemError: `TRAIN-003`, `TRAIN-004` device, `TRAIN-501` model, `TRAIN-101`, `TRAIN-102`, `TRAIN-511`
            to `TRAIN-514` data, `TRAIN-201`, `TRAIN-203` and `TRAIN-205` checkpoints, `TRAIN-401` a loss that
            is not finite, `CODIST-020` and `CODIST-021` a replica that does not fit, and those of
            `trainer.codistillation.exchange.Exchange`.
    """
    group = Membership.of(plan, replica)
    seed = group.seed if group else plan.seed
    layers, own = specs(model, plan)
    plan = dataclasses.replace(plan, sequence=own)
    check_auxiliary(own.auxiliary, features)
    strategy = choose_strategy(plan.device)
    jit = compiles(strategy, plan.jit_compile)
    replicas = int(strategy.num_replicas_in_sync)
    table = open_sequences(train_files, features)
    validation = open_sequences(validation_files, features) if validation_files else None
    if validation is None:
        logging.warning("No validation split: no early stopping, the last weights are kept.")
    whole = order = BucketOrder(table, own.buckets, own.batch_tokens, seed, replicas)
    # Of the whole split, so that replicas and single trainings compare at equal steps.
    steps = whole.steps(plan.epochs)
    rows = group.rows(table.rows) if group else None
    if rows is not None:
        order = BucketOrder(table, own.buckets, own.batch_tokens, seed, replicas, rows)
    objective = sequence_objective(plan, steps)
    with strategy.scope(), _precision(own.precision):
        network = build_sequence_model(features, layers, seed)
        optimizer = build_sequence_optimizer(network, own, steps)
        average = WeightAverage(network.trainable_variables, plan.weight_averaging)
        teacher = (
            group.teacher(lambda: build_sequence_model(features, layers, seed), steps) if group else None
        )
    auxiliary = Auxiliary(own.auxiliary, steps)
    stepper = SequenceStepper(
        strategy,
        network,
        optimizer,
        average,
        objective,
        auxiliary,
        jit,
        begins(steps) if layers.quantisation == "aware" else None,
        teacher,
    )
    companion = None
    if group and teacher:
        companion = group.companion(
            teacher, steps, network, Path(run_dir), lambda step: not auxiliary.takes(step)
        )
    work = _Sequences(table, order, whole.steps_per_epoch, steps, stepper, plan, objective)
    if validation is not None:
        work.validation = validation
        work.validation_order = BucketOrder(validation, own.buckets, own.batch_tokens, seed, replicas)
        if features.source is not None and not isinstance(strategy, tf.distribute.TPUStrategy):
            work.sample = DecodedSample(validation, network, objective.temperature)
    statistics = [table.statistics, validation.statistics if validation else None]
    index = replica.index if replica else None
    known = identity(features, model, plan, statistics, "", sum(order.sizes), index)
    stopping = EarlyStopping(plan.early_stopping.patience, plan.early_stopping.min_delta)
    state = State(known, network, optimizer, average, stopping, companion=companion)
    work.state = state
    store = CheckpointStore(checkpoint_dir)
    checkpoint = store.latest()
    if checkpoint is not None:
        state.restore(checkpoint)
        logging.info("Continues after step %d of %d.", state.step, steps)
    loop = Loop(work, plan, state, store, Path(run_dir), companion)
    loop.run(progress or Heartbeat())
    weights = loop.weights()
    summary = loop.summary(table.rows, validation.rows if validation else 0, weights)
    summary["sequences"] = {
        **order.report(),
        "skipped": {"empty": table.statistics.empty, "long": table.statistics.long},
        "tokens_per_second": summary.pop("tokens_per_second", 0.0),
    }
    return SequenceResult(weights, objective.temperature, table, state.history, summary)


@dataclasses.dataclass
class _Sequences:
    """The work of the loop on sequences, see `trainer.loop.loop.Work`."""

    table: SequenceTable
    order: BucketOrder
    steps_per_epoch: int
    steps: int
    stepper: SequenceStepper
    plan: TrainSpec
    objective: SequenceObjective
    validation: SequenceTable | None = None
    validation_order: BucketOrder | None = None
    sample: DecodedSample | None = None
    state: State | None = None

    @property
    def longest_block(self) -> int:
        return 1

    @property
    def examples_per_step(self) -> float:
        return self.order.examples / self.order.steps_per_epoch

    def blocks(self, first_step: int, lengths: Iterable[int]) -> Generator[SequenceBatch, None, None]:
        return training_batches(self.table, self.order, first_step, lengths)

    def train(self, block: SequenceBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.stepper.train(block)

    def counts(self, block: SequenceBatch) -> dict[str, int]:
        return {"examples": block.examples, "tokens": block.tokens}

    def evaluate(self) -> dict[str, float] | None:
        if self.validation is None or self.validation_order is None or self.state is None:
            return None
        step = self.state.step
        loss = self.stepper.evaluate(evaluation_batches(self.validation, self.validation_order), step)
        found = {"validation_loss": loss, "validation_perplexity": math.exp(min(loss, 700.0))}
        if self.sample is not None:
            found["validation_exact_match"] = self.sample.exact_match(self.stepper.quantised(step))
        return found

    def about(self, block: SequenceBatch, index: int) -> str:
        del index
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in sorted(block.arrays.items()))
        return f", in a batch of {block.examples} examples ({shapes})"

    def remedy(self, trained: bool) -> str:
        own = self.plan.sequence
        assert own is not None
        lower = f"Lower train.sequence.learning_rate ({own.learning_rate})"
        return f"{lower}, or train.sequence.clip_norm ({own.clip_norm})." if trained else f"{lower}."
