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
    training_blocks,
)
from trainer.distribution import choose_strategy, compiles
from trainer.errors import TandemError
from trainer.export.head import HeadParameters
from trainer.faults import point
from trainer.loop.averaging import WeightAverage
from trainer.loop.calibration import calibrate
from trainer.loop.objective import Objective, check_validation, objective_for
from trainer.loop.plan import block_lengths, evaluation_steps
from trainer.loop.progress import Heartbeat, Progress, Speed
from trainer.loop.state import State, Weights, identity
from trainer.loop.stepper import Stepper
from trainer.loop.stopping import EarlyStopping
from trainer.models import build_wide_deep, placements
from trainer.optimizers import (
    PerPart,
    build_optimizer,
    learning_rates,
    state_bytes,
    state_of_others,
)
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
    train_files: Sequence[str | Path] | Split,
    validation_files: Sequence[str | Path] | Split | None,
    checkpoint_dir: str | Path,
    run_dir: str | Path,
    progress: Progress | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    initialise: Initialise | None = None,
    origin: str = "",
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

    Returns:
        The weights to export, with the numbers of the head.

    Raises:
        TandemError: `TRAIN-001` to `TRAIN-004` model and device, `TRAIN-101` to `TRAIN-108` data,
            `TRAIN-201`, `TRAIN-203` and `TRAIN-205` checkpoints, `TRAIN-301` to `TRAIN-303` class weights,
            `TRAIN-401` a loss that is not finite.
    """
    strategy = choose_strategy(plan.device)
    jit = compiles(strategy, plan.jit_compile)
    split = _opened(train_files, features, memory_bytes)
    validation = _opened(validation_files, features, memory_bytes) if validation_files else None
    if validation is None:
        logging.warning("No validation split: no early stopping, no calibration, the last weights are kept.")
    order = TrainingOrder(split.rows, plan.batch_size, plan.seed, int(strategy.num_replicas_in_sync))
    steps = order.steps(plan.epochs)
    objective, bias = objective_for(features, plan, split.statistics, steps)
    if validation is not None:
        check_validation(objective, plan, validation.statistics)
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
    stepper = Stepper(strategy, features, network, optimizer, average, objective, order.batch, jit)
    stopping = EarlyStopping(plan.early_stopping.patience, plan.early_stopping.min_delta)
    statistics = [split.statistics, validation.statistics if validation else None]
    known = identity(features, model, plan, statistics, origin, order.batch)
    state = State(known, network, optimizer, average, stopping, begun=begun)
    if checkpoint is not None:
        state.restore(checkpoint)
        logging.info("Continues after step %d of %d.", state.step, steps)
    loop = _Loop(features, model, plan, split, validation, order, steps, stepper, state, store, Path(run_dir))
    if not state.finished:
        loop.run(progress or Heartbeat())
    return loop.result(objective)


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
        point("train.begin")
        self.run_dir.mkdir(parents=True, exist_ok=True)
        writer = tf.summary.create_file_writer(str(self.run_dir / "tensorboard"))
        speed, last = Speed(), time.monotonic()
        begun = last - state.seconds
        with contextlib.closing(writer), writer.as_default(), contextlib.closing(blocks):
            for entry in state.history:
                tf.summary.scalar("train/loss", entry["loss"], entry["step"])
                _summarise(entry)
            for block in blocks:
                losses, totals = self.stepper.train(block)
                self._check(totals, block)
                state.step += len(losses)
                state.losses += [float(loss) for loss in losses]
                now = time.monotonic()
                rate, state.seconds = speed.add(len(losses) * order.batch, now - last), now - begun
                loss = float(np.mean(losses, dtype=np.float64))
                if rate is not None:
                    left_seconds = (self.steps - state.step) * order.batch / rate
                    progress(state.step, self.steps, rate, left_seconds, loss)
                tf.summary.scalar("train/loss", loss, state.step)
                if state.step in evaluated:
                    self._evaluate()
                state.finished = state.step >= self.steps or self._stops()
                if state.finished or state.step % every == 0:
                    state.seconds = time.monotonic() - begun
                    self.store.save(state.checkpoint())
                if state.finished:
                    break
                # Evaluations and checkpoints are no steps: they would make the next block look slow.
                last = time.monotonic()

    def _stops(self) -> bool:
        return self.validation is not None and self.plan.early_stopping.enabled and self.state.stopping.stop

    def _check(self, totals: NDArray[np.float32], block: Block) -> None:
        bad = ~np.isfinite(totals)
        if bad.any():
            first = int(np.argmax(bad))
            largest = ""
            if self.features.dense and "dense" in block:
                values = np.abs(block["dense"][: first + 1]).max(axis=(0, 1))
                column = int(np.argmax(values))
                largest = f", largest dense value {values[column]:g} in {self.features.dense[column]}"
            raise TandemError(
                "TRAIN-401",
                f"The training loss, penalties included, must be finite. Received: loss={totals[first]} at "
                f"step {self.state.step + first + 1}{largest}",
                f"{self._lower_rates()}, or set `scale: quantile` for numeric features.",
            )

    def _lower_rates(self) -> str:
        model = self.model
        rates = {"deep": model.deep.learning_rate, "wide": model.wide.learning_rate}
        if model.linear.weight:
            rates["linear"] = model.linear.learning_rate
        return "Lower " + ", ".join(f"model.{part}.learning_rate ({rate})" for part, rate in rates.items())

    def _evaluate(self) -> None:
        state, loss = self.state, None
        if self.validation is not None:
            with state.average.applied():
                loss = self.stepper.evaluate(self.validation).loss
            if not np.isfinite(loss):
                raise TandemError(
                    "TRAIN-401",
                    f"The validation loss must be finite. Received: loss={loss} after step {state.step}",
                    f"{self._lower_rates()}.",
                )
            if state.stopping.update(state.step, loss):
                state.best = state.weights()
        for part, value in learning_rates(state.optimizer).items():
            tf.summary.scalar(f"learning_rate/{part}", value, state.step)
        examples = state.step * self.order.batch
        before = state.history[-1] if state.history else {"examples": 0, "seconds": 0.0}
        seconds = max(state.seconds - before["seconds"], 1e-9)
        entry = {
            "step": state.step,
            "epoch": state.step / self.order.steps_per_epoch,
            "examples": examples,
            "loss": float(np.mean(state.losses)),
            "validation_loss": loss,
            "examples_per_second": (examples - before["examples"]) / seconds,
            "seconds": state.seconds,
        }
        _summarise(entry)
        state.losses = []
        state.history.append(entry)
        write_json(self.run_dir / "history.json", state.history)
        shown = "none" if loss is None else f"{loss:.6f}"
        logging.info(
            "epoch %.2f: loss %.6f, validation loss %s, %.0f examples/s",
            entry["epoch"],
            entry["loss"],
            shown,
            entry["examples_per_second"],
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
            logits = objective.link(seen.logits).numpy()
            scale, shift = calibrate(self.features.task, logits, seen.labels, seen.weights)
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
            "optimizer_state": {
                "parts": state_bytes(state.optimizer),
                "others": state_of_others(value.shape for value in weights),
            },
            "warm_start": state.begun,
        }
        parameters = HeadParameters(
            scale, shift, objective.label_mean, objective.label_deviation, objective.temperature
        )
        return TrainResult(weights, state.slots(), parameters, self.split.statistics, state.history, summary)


def _opened(given: Sequence[str | Path] | Split, features: FeatureSpec, memory_bytes: int) -> Split:
    return given if isinstance(given, Split) else open_split(given, features, memory_bytes)


def _summarise(entry: dict[str, Any]) -> None:
    """An entry of the history for TensorBoard."""
    if entry["validation_loss"] is not None:
        tf.summary.scalar("validation/loss", entry["validation_loss"], entry["step"])
    tf.summary.scalar("examples_per_second", entry["examples_per_second"], entry["step"])
