"""Training from files to weights."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from trainer.checkpoints import CheckpointStore
from trainer.data import (
    DEFAULT_MEMORY_BYTES,
    Block,
    LabelStatistics,
    Split,
    TrainingOrder,
    open_split,
    prior_logits,
    training_blocks,
)
from trainer.distribution import choose_strategy, jit_by_default
from trainer.errors import TandemError
from trainer.export.head import HeadParameters
from trainer.loop.averaging import WeightAverage
from trainer.loop.calibration import calibrate
from trainer.loop.plan import block_lengths, evaluation_steps
from trainer.loop.progress import Heartbeat, Progress, Speed
from trainer.loop.state import State, Weights, identity
from trainer.loop.stepper import Objective, Stepper
from trainer.loop.stopping import EarlyStopping
from trainer.losses import class_weight_vector
from trainer.models import build_wide_deep, placements
from trainer.optimizers import PerPart, build_optimizer, learning_rates
from trainer.spec import FeatureSpec, ModelSpec, TrainSpec
from trainer.storage import write_json

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
    train_files: Sequence[str | Path],
    validation_files: Sequence[str | Path],
    checkpoint_dir: str | Path,
    run_dir: str | Path,
    progress: Progress | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    initialise: Initialise | None = None,
    origin: str = "",
) -> TrainResult:
    """Trains a Wide & Deep model, going on from the newest checkpoint if there is one.

    Each entry of the history holds `step`, `epoch`, `examples`, `loss` (mean training loss since the entry
    before), `validation_loss` (None without a validation split), `examples_per_second` and `seconds`. Losses
    include class weights; those of a regression are in units of the label's variance.

    Args:
        features: what the examples hold.
        model: both parts of the model.
        plan: the training loop.
        train_files: TFRecord files of transformed examples.
        validation_files: the same for early stopping and calibration; empty for none.
        checkpoint_dir: this training's own directory.
        run_dir: gets `history.json` and TensorBoard logs.
        progress: called after each block of steps; None logs a line every 10 seconds. Defaults to `None`.
        memory_bytes: int. Budget of each split, see `open_split`. Defaults to `2147483648` (2 GiB).
        initialise: changes the weights of a new model and the slots of its optimizer before the first step,
            given both and mean and deviation of a regression's label; what it returns becomes `warm_start` of
            the summary. Not called when a checkpoint is there. Defaults to `None`.
        origin: names what `initialise` starts from; another one is another training. Defaults to `""`.

    Returns:
        The weights to export, with the numbers of the head.

    Raises:
        TandemError: `TRAIN-001` to `TRAIN-003` model and device, `TRAIN-101` to `TRAIN-108` data, `TRAIN-201`
            and `TRAIN-203` checkpoints, `TRAIN-301` to `TRAIN-303` class weights, `TRAIN-401` a loss that is
            not finite.
    """
    split = open_split(train_files, features, memory_bytes)
    validation = open_split(validation_files, features, memory_bytes) if validation_files else None
    if validation is None:
        logging.warning("No validation split: no early stopping, no calibration, the last weights are kept.")
    strategy = choose_strategy(plan.device)
    order = TrainingOrder(split.rows, plan.batch_size, plan.seed, int(strategy.num_replicas_in_sync))
    steps = order.steps(plan.epochs)
    objective, bias = _objective(features, plan, split.statistics)
    store, begun = CheckpointStore(checkpoint_dir), None
    checkpoint = store.latest()
    with strategy.scope():
        network = build_wide_deep(features, model, plan.seed, bias)
        optimizer = build_optimizer(
            network, model.wide, model.deep, plan.learning_rate_decay, steps, model.linear
        )
        if initialise is not None and checkpoint is None:
            begun = initialise(network, optimizer, objective.label_mean, objective.label_deviation)
        tables = {placement.variable.path for placement in placements(network, features)}
        dense = [variable for variable in network.trainable_variables if variable.path not in tables]
        average = WeightAverage(dense, plan.weight_averaging)
    jit = jit_by_default(strategy) if plan.jit_compile is None else plan.jit_compile
    stepper = Stepper(strategy, features, network, optimizer, average, objective, order.batch, jit)
    stopping = EarlyStopping(plan.early_stopping.patience, plan.early_stopping.min_delta)
    statistics = [split.statistics, validation.statistics if validation else None]
    known = identity(features, model, plan, statistics, origin)
    state = State(known, network, optimizer, average, stopping, begun=begun)
    if checkpoint is not None:
        state.restore(checkpoint)
        logging.info("Continues after step %d of %d.", state.step, steps)
    loop = _Loop(features, model, plan, split, validation, order, steps, stepper, state, store, Path(run_dir))
    if not state.finished:
        loop.run(progress or Heartbeat())
    return loop.result(objective)


def _objective(
    features: FeatureSpec, plan: TrainSpec, labels: LabelStatistics
) -> tuple[Objective, tuple[float, ...]]:
    weights = class_weight_vector(plan.class_weights, features.classes, labels.class_weight_sums)
    effective = labels
    if weights is not None:
        sums = tuple(w * s for w, s in zip(weights, labels.class_weight_sums, strict=True))
        effective = dataclasses.replace(labels, class_weight_sums=sums, weight_sum=sum(sums))
    mean, deviation = (labels.mean, labels.deviation) if features.task == "regression" else (0.0, 1.0)
    mean_weight = effective.weight_sum / effective.rows
    objective = Objective(features.task, mean_weight, weights, mean, deviation)
    return objective, prior_logits(features.task, effective)


@dataclasses.dataclass
class _Loop:
    features: FeatureSpec
    model: ModelSpec
    plan: TrainSpec
    split: Split
    validation: Split | None
    order: TrainingOrder
    steps: int
    stepper: Stepper
    state: State
    store: CheckpointStore
    run_dir: Path

    def run(self, progress: Progress) -> None:
        state, plan, order = self.state, self.plan, self.order
        stops = evaluation_steps(order.steps_per_epoch, self.steps, plan.evaluations_per_epoch)
        evaluated, every = set(stops), plan.checkpoint_every_steps
        lengths = block_lengths(
            state.step, self.steps, order.steps_per_epoch, stops, every, self.stepper.longest_block
        )
        blocks = training_blocks(self.split, order, state.step, lengths)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        writer = tf.summary.create_file_writer(str(self.run_dir / "tensorboard"))
        speed, last = Speed(), time.monotonic()
        with contextlib.closing(writer), writer.as_default(), contextlib.closing(blocks):
            for block in blocks:
                losses = self.stepper.train(block)
                self._check(losses, block)
                state.step += len(losses)
                state.losses += [float(loss) for loss in losses]
                now = time.monotonic()
                rate = speed.add(len(losses) * order.batch, now - last)
                state.seconds += now - last
                last = now
                loss = float(np.mean(losses, dtype=np.float64))
                progress(state.step, self.steps, rate, (self.steps - state.step) * order.batch / rate, loss)
                tf.summary.scalar("train/loss", loss, state.step)
                if state.step in evaluated:
                    self._evaluate(rate)
                state.finished = state.step >= self.steps or self._stops()
                if state.finished or state.step % every == 0:
                    state.seconds += time.monotonic() - last
                    self.store.save(state.checkpoint())
                    last = time.monotonic()
                if state.finished:
                    break

    def _stops(self) -> bool:
        return self.validation is not None and self.plan.early_stopping.enabled and self.state.stopping.stop

    def _check(self, losses: NDArray[np.float32], block: Block) -> None:
        bad = ~np.isfinite(losses)
        if bad.any():
            first = int(np.argmax(bad))
            largest = ""
            if self.features.dense and "dense" in block:
                values = np.abs(block["dense"][: first + 1]).max(axis=(0, 1))
                column = int(np.argmax(values))
                largest = f", largest dense value {values[column]:g} in {self.features.dense[column]}"
            raise TandemError(
                "TRAIN-401",
                f"The training loss must be finite. Received: loss={losses[first]} at step "
                f"{self.state.step + first + 1}{largest}",
                f"Lower model.deep.learning_rate ({self.model.deep.learning_rate}) and "
                f"model.wide.learning_rate ({self.model.wide.learning_rate}), or set `scale: quantile` for "
                "numeric features.",
            )

    def _evaluate(self, rate: float) -> None:
        state, loss = self.state, None
        if self.validation is not None:
            with state.average.applied():
                loss = self.stepper.evaluate(self.validation).loss
            if not np.isfinite(loss):
                raise TandemError(
                    "TRAIN-401",
                    f"The validation loss must be finite. Received: loss={loss} after step {state.step}",
                    f"Lower model.deep.learning_rate ({self.model.deep.learning_rate}).",
                )
            if state.stopping.update(state.step, loss):
                state.best = state.weights()
            tf.summary.scalar("validation/loss", loss, state.step)
        for part, value in learning_rates(state.optimizer).items():
            tf.summary.scalar(f"learning_rate/{part}", value, state.step)
        tf.summary.scalar("examples_per_second", rate, state.step)
        entry = {
            "step": state.step,
            "epoch": state.step / self.order.steps_per_epoch,
            "examples": state.step * self.order.batch,
            "loss": float(np.mean(state.losses)),
            "validation_loss": loss,
            "examples_per_second": rate,
            "seconds": state.seconds,
        }
        state.losses = []
        state.history.append(entry)
        write_json(self.run_dir / "history.json", state.history)
        shown = "none" if loss is None else f"{loss:.6f}"
        logging.info(
            "epoch %.2f: loss %.6f, validation loss %s, %.0f examples/s",
            entry["epoch"],
            entry["loss"],
            shown,
            rate,
        )

    def result(self, objective: Objective) -> TrainResult:
        state, stopping = self.state, self.state.stopping
        keep_best = self.plan.early_stopping.enabled and state.best is not None
        weights = state.best if keep_best and state.best is not None else state.weights()
        scale, shift = 1.0, 0.0
        if self.plan.calibrate and self.validation is not None:
            for variable, value in zip(state.model.trainable_variables, weights, strict=True):
                variable.assign(value)
            seen = self.stepper.evaluate(self.validation)
            scale, shift = calibrate(self.features.task, seen.logits, seen.labels, seen.weights)
        write_json(self.run_dir / "history.json", state.history)
        summary = {
            "steps": state.step,
            "steps_planned": self.steps,
            "steps_per_epoch": self.order.steps_per_epoch,
            "batch_size": self.order.batch,
            "train_rows": self.split.rows,
            "validation_rows": self.validation.rows if self.validation else 0,
            "stopped_early": state.step < self.steps,
            "exported_step": stopping.best_step if keep_best else state.step,
            "best_validation_loss": stopping.best_loss,
            "calibration": {"scale": scale, "shift": shift},
            "seconds": state.seconds,
            "examples_per_second": state.step * self.order.batch / max(state.seconds, 1e-9),
            "parameters": int(sum(value.size for value in weights)),
            "warm_start": state.begun,
        }
        parameters = HeadParameters(scale, shift, objective.label_mean, objective.label_deviation)
        return TrainResult(weights, state.slots(), parameters, self.split.statistics, state.history, summary)
