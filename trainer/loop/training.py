"""Training from files to weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
from absl import logging
from numpy.typing import NDArray

from trainer.checkpoints import CheckpointStore
from trainer.codistillation.membership import Membership
from trainer.data import (
    DEFAULT_MEMORY_BYTES,
    Block,
    LabelStatistics,
    Split,
    TrainingOrder,
    open_split,
    training_blocks,
)
from trainer.distribution import choose_strategy, compiles
from trainer.export.head import HeadParameters
from trainer.loop.averaging import WeightAverage
from trainer.loop.calibration import calibrate
from trainer.loop.loop import Loop
from trainer.loop.objective import Objective, check_validation, objective_for
from trainer.loop.progress import Heartbeat, Progress
from trainer.loop.state import State, Weights, identity
from trainer.loop.stepper import Stepper
from trainer.loop.stopping import EarlyStopping
from trainer.models import build_wide_deep, placements
from trainer.optimizers import PerPart, build_optimizer
from trainer.spec import FeatureSpec, ModelSpec, ReplicaSpec, TrainSpec

Initialise: TypeAlias = Callable[[keras.Model, PerPart, float, float], dict[str, Any] | None]


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a training found.

    Args:
        weights: of `model.trainable_variables`, the best by validation loss, or the last.
        slots: of the same variables after the last step, by name.
        parameters: calibration and label units for the head.
        labels: statistics of the training labels.
        history: one entry for each evaluation.
        summary: what happened, as JSON.
    """

    weights: Weights
    slots: list[dict[str, NDArray[Any]]]
    parameters: HeadParameters
    labels: LabelStatistics
    history: list[dict[str, Any]]
    summary: dict[str, Any]


def train(
    features: FeatureSpec,
    model: ModelSpec,
    plan: TrainSpec,
    train_files: Sequence[str | Path] | Split,
    validation_files: Sequence[str | Path] | Split | None,
    checkpoint_dir: str | Path,
    run_dir: str | Path,
    progress: Progress | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    initialise: Initialise | None = None,
    origin: str = "",
    replica: ReplicaSpec | None = None,
) -> TrainResult:
    """Trains a Wide & Deep model, going on from the newest checkpoint if there is one.

    Each entry of the history holds `step`, `epoch`, `examples`, `loss` (mean training loss since the entry
    before), `validation_loss` (None without a validation split), `examples_per_second` (since the entry
    before, whatever the time went to) and `seconds` (since the start, over all attempts). Losses include
    class weights; those of a regression are in units of the label's variance.

    Args:
        features: what the examples hold.
        model: both parts of the model.
        plan: the training loop.
        train_files: TFRecord files of transformed examples, or a split that is open.
        validation_files: the same for early stopping and calibration; empty or None for none.
        checkpoint_dir: this training's own directory.
        run_dir: gets `history.json` and TensorBoard logs.
        progress: called after each block of steps but the first, whose speed tells nothing about the rest;
            None logs a line every 10 seconds. Defaults to `None`.
        memory_bytes: int. Budget of each split, see `open_split`. Defaults to `2147483648` (2 GiB).
        initialise: changes the weights of a new model and the slots of its optimizer before the first step,
            given both and mean and deviation of a regression's label; what it returns becomes `warm_start` of
            the summary. Not called when a checkpoint is there. Defaults to `None`.
        origin: names what `initialise` starts from; another one is another training. Defaults to `""`.
        replica: which one of a group this is, if `plan.codistillation` is given. Defaults to `None`.

    Returns:
        The weights to export, with the numbers of the head.

    Raises:
        TandemError: `TRAIN-001` to `TRAIN-004` model and device, `TRAIN-101` to `TRAIN-108` data,
            `TRAIN-201`, `TRAIN-203` and `TRAIN-205` checkpoints, `TRAIN-301` to `TRAIN-303` class weights,
            `TRAIN-401` a loss that is not finite, `CODIST-020` and `CODIST-021` a replica that does not fit,
            and those of `trainer.codistillation.exchange.Exchange`.
    """
    group = Membership.of(plan, replica)
    seed = group.seed if group else plan.seed
    strategy = choose_strategy(plan.device)
    jit = compiles(strategy, plan.jit_compile)
    split = _opened(train_files, features, memory_bytes)
    validation = _opened(validation_files, features, memory_bytes) if validation_files else None
    if validation is None:
        logging.warning("No validation split: no early stopping, no calibration, the last weights are kept.")
    devices = int(strategy.num_replicas_in_sync)
    whole = order = TrainingOrder(split.rows, plan.batch_size, seed, devices)
    # Of the whole split, so that replicas and single trainings compare at equal steps.
    steps = whole.steps(plan.epochs)
    rows = group.rows(split.rows) if group else None
    if rows is not None:
        order = TrainingOrder(len(rows), plan.batch_size, seed, devices)
    objective, bias = objective_for(features, plan, split.statistics, steps)
    if validation is not None:
        check_validation(objective, plan, validation.statistics)
    store, begun = CheckpointStore(checkpoint_dir), None
    checkpoint = store.latest()
    with strategy.scope():
        network = build_wide_deep(features, model, seed, bias)
        optimizer = build_optimizer(
            network, model.wide, model.deep, plan.learning_rate_decay, steps, model.linear
        )
        if initialise is not None and checkpoint is None:
            begun = initialise(network, optimizer, objective.label_mean, objective.label_deviation)
        tables = {placement.variable.path for placement in placements(network, features)}
        dense = [variable for variable in network.trainable_variables if variable.path not in tables]
        average = WeightAverage(dense, plan.weight_averaging)
        teacher = group.teacher(lambda: build_wide_deep(features, model, seed), steps) if group else None
    stepper = Stepper(strategy, features, network, optimizer, average, objective, order.batch, jit, teacher)
    companion = group.companion(teacher, steps, network, Path(run_dir)) if group and teacher else None
    stopping = EarlyStopping(plan.early_stopping.patience, plan.early_stopping.min_delta)
    statistics = [split.statistics, validation.statistics if validation else None]
    index = replica.index if replica else None
    known = identity(features, model, plan, statistics, origin, order.batch, index)
    state = State(known, network, optimizer, average, stopping, begun=begun, companion=companion)
    if checkpoint is not None:
        state.restore(checkpoint)
        logging.info("Continues after step %d of %d.", state.step, steps)
    work = _Tables(features, model, split, validation, order, whole.steps_per_epoch, steps, stepper, rows)
    loop = Loop(work, plan, state, store, Path(run_dir), companion)
    loop.run(progress or Heartbeat())
    return _result(loop, work, objective)


@dataclasses.dataclass
class _Tables:
    """The work of the loop on tables, see `trainer.loop.loop.Work`."""

    features: FeatureSpec
    model: ModelSpec
    split: Split
    validation: Split | None
    order: TrainingOrder
    steps_per_epoch: int
    steps: int
    stepper: Stepper
    rows: NDArray[np.int64] | None = None

    @property
    def longest_block(self) -> int:
        return self.stepper.longest_block

    @property
    def examples_per_step(self) -> float:
        return self.order.batch

    def blocks(self, first_step: int, lengths: Iterable[int]) -> Generator[Block, None, None]:
        return training_blocks(self.split, self.order, first_step, lengths, rows=self.rows)

    def train(self, block: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.stepper.train(block)

    def counts(self, block: Block) -> dict[str, int]:
        return {"examples": len(block["label"]) * self.order.batch}

    def evaluate(self) -> dict[str, float] | None:
        if self.validation is None:
            return None
        return {"validation_loss": self.stepper.evaluate(self.validation).loss}

    def about(self, block: Block, index: int) -> str:
        if not (self.features.dense and "dense" in block):
            return ""
        values = np.abs(block["dense"][: index + 1]).max(axis=(0, 1))
        column = int(np.argmax(values))
        return f", largest dense value {values[column]:g} in {self.features.dense[column]}"

    def remedy(self, trained: bool) -> str:
        model = self.model
        rates = {"deep": model.deep.learning_rate, "wide": model.wide.learning_rate}
        if model.linear.weight:
            rates["linear"] = model.linear.learning_rate
        lower = "Lower " + ", ".join(f"model.{part}.learning_rate ({rate})" for part, rate in rates.items())
        return f"{lower}, or set `scale: quantile` for numeric features." if trained else f"{lower}."


def _result(loop: Loop, work: _Tables, objective: Objective) -> TrainResult:
    state, weights = loop.state, loop.weights()
    scale, shift = 1.0, 0.0
    if loop.plan.calibrate and work.validation is not None:
        for variable, value in zip(state.model.trainable_variables, weights, strict=True):
            variable.assign(value)
        seen = work.stepper.evaluate(work.validation)
        logits = objective.link(seen.logits).numpy()
        scale, shift = calibrate(work.features.task, logits, seen.labels, seen.weights)
    summary = {
        **loop.summary(work.split.rows, work.validation.rows if work.validation else 0, weights),
        "batch_size": work.order.batch,
        "calibration": {"scale": scale, "shift": shift},
    }
    parameters = HeadParameters(
        scale, shift, objective.label_mean, objective.label_deviation, objective.temperature
    )
    return TrainResult(weights, state.slots(), parameters, work.split.statistics, state.history, summary)


def _opened(given: Sequence[str | Path] | Split, features: FeatureSpec, memory_bytes: int) -> Split:
    return given if isinstance(given, Split) else open_split(given, features, memory_bytes)
