"""The loop that every training runs: steps, evaluations, early stopping, checkpoints, and how it tells."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from trainer.checkpoints import CheckpointStore
from trainer.codistillation.companion import Companion
from trainer.errors import TandemError
from trainer.faults import point
from trainer.loop.plan import block_lengths, evaluation_steps
from trainer.loop.progress import Progress, Speed
from trainer.loop.state import State, Weights
from trainer.optimizers import learning_rates, state_bytes, state_of_others
from trainer.spec import TrainSpec
from trainer.storage import write_json

Losses = NDArray[np.float32]


class Work(Protocol):
    """What one kind of model and data brings to the loop."""

    @property
    def steps(self) -> int:
        """Planned steps."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass over the training split."""

    @property
    def longest_block(self) -> int:
        """Most steps in a block."""

    @property
    def examples_per_step(self) -> float:
        """Examples of a step, on average."""

    def blocks(self, first_step: int, lengths: Iterable[int]) -> Generator[Any, None, None]:
        """The batches from `first_step` on, as blocks of the given numbers of steps."""

    def train(self, block: Any) -> tuple[Losses, Losses]:
        """Takes the steps of a block.

        Returns:
            Before each step the loss that is told, `(steps,)` or fewer if some steps have none, and all that
            is minimised, `(steps,)`.
        """

    def counts(self, block: Any) -> dict[str, int]:
        """What a block held: `examples`, and what else is counted."""

    def evaluate(self) -> dict[str, float] | None:
        """`validation_loss` and other numbers of the validation split; None without one."""

    def about(self, block: Any, index: int) -> str:
        """What is remarkable in a block whose step `index` made the loss infinite: empty, or `, WHAT`."""

    def remedy(self, trained: bool) -> str:
        """What helps against a loss that is not finite, of the training batches or of the validation."""


@dataclasses.dataclass
class Loop:
    """Runs the work from where the state is to its end.

    Args:
        work: the kind of training.
        plan: evaluations, early stopping and checkpoints.
        state: what the next step depends on.
        store: gets the checkpoints.
        run_dir: gets `history.json` and TensorBoard logs.
        companion: of a replica. Defaults to `None`.
    """

    work: Work
    plan: TrainSpec
    state: State
    store: CheckpointStore
    run_dir: Path
    companion: Companion | None = None

    def run(self, progress: Progress) -> None:
        """Trains to the last planned step, or until the validation loss has not fallen for long enough.

        A replica hands on its weights when it is finished, and once more if it was already: it may have been
        killed before they were read.

        Raises:
            TandemError: `TRAIN-401` a loss that is not finite, `TRAIN-201` a checkpoint that cannot be
                written, `CODIST-002` another process took over the replica.
        """
        if self.companion is None:
            if not self.state.finished:
                self._run(progress)
            return
        with self.companion as companion:
            if self.state.finished:
                companion.publish(self.state.step, self.state.weights(), finished=True)
            else:
                self._run(progress)

    def _run(self, progress: Progress) -> None:
        state, plan, work, companion = self.state, self.plan, self.work, self.companion
        stops = evaluation_steps(work.steps_per_epoch, work.steps, plan.evaluations_per_epoch)
        evaluated, every = set(stops), plan.checkpoint_every_steps
        exchange = companion.every if companion else None
        lengths = block_lengths(
            state.step, work.steps, work.steps_per_epoch, stops, every, work.longest_block, exchange
        )
        blocks = work.blocks(state.step, lengths)
        point("train.begin")
        self.run_dir.mkdir(parents=True, exist_ok=True)
        writer = tf.summary.create_file_writer(str(self.run_dir / "tensorboard"))
        speed, last = Speed(), time.monotonic()
        begun = last - state.seconds
        with contextlib.closing(writer), writer.as_default(), contextlib.closing(blocks):
            for entry in state.history:
                if entry["loss"] is not None:
                    tf.summary.scalar("train/loss", entry["loss"], entry["step"])
                _summarise(entry)
            if companion:
                companion.begin(state.step, work.steps)
            for block in blocks:
                losses, totals = work.train(block)
                self._check(totals, block)
                state.step += len(totals)
                state.losses += [float(loss) for loss in losses]
                counts = work.counts(block)
                for name, count in counts.items():
                    state.counts[name] = state.counts.get(name, 0) + count
                now = time.monotonic()
                rate, state.seconds = speed.add(counts["examples"], now - last), now - begun
                loss = float(np.mean(losses if len(losses) else totals, dtype=np.float64))
                left_seconds = (work.steps - state.step) * work.examples_per_step / rate if rate else None
                if rate is not None and left_seconds is not None:
                    progress(state.step, work.steps, rate, left_seconds, loss)
                if len(losses):
                    tf.summary.scalar("train/loss", loss, state.step)
                if state.step in evaluated:
                    self._evaluate()
                state.finished = state.step >= work.steps or self._stops()
                if companion:
                    companion.after(state.step, state.weights, state.finished)
                    companion.progress(
                        state.step, work.steps, rate, left_seconds, loss, finished=state.finished
                    )
                if state.finished or state.step % every == 0:
                    state.seconds = time.monotonic() - begun
                    self.store.save(state.checkpoint())
                if state.finished:
                    break
                # Evaluations and checkpoints are no steps: they would make the next block look slow.
                last = time.monotonic()

    def _stops(self) -> bool:
        stopping = self.state.stopping
        return stopping.best_loss is not None and self.plan.early_stopping.enabled and stopping.stop

    def _check(self, totals: Losses, block: Any) -> None:
        bad = ~np.isfinite(totals)
        if bad.any():
            first = int(np.argmax(bad))
            raise TandemError(
                "TRAIN-401",
                f"The training loss, penalties included, must be finite. Received: loss={totals[first]} at "
                f"step {self.state.step + first + 1}{self.work.about(block, first)}",
                self.work.remedy(trained=True),
            )

    def _evaluate(self) -> None:
        state, loss = self.state, None
        with state.average.applied():
            seen = self.work.evaluate()
        if seen is not None:
            loss = seen["validation_loss"]
            if not np.isfinite(loss):
                raise TandemError(
                    "TRAIN-401",
                    f"The validation loss must be finite. Received: loss={loss} after step {state.step}",
                    self.work.remedy(trained=False),
                )
            if state.stopping.update(state.step, loss):
                state.best = state.weights()
        for part, value in learning_rates(state.optimizer).items():
            tf.summary.scalar(f"learning_rate/{part}", value, state.step)
        before = state.history[-1] if state.history else {"seconds": 0.0}
        seconds = max(state.seconds - before["seconds"], 1e-9)
        entry: dict[str, Any] = {
            "step": state.step,
            "epoch": state.step / self.work.steps_per_epoch,
            "loss": float(np.mean(state.losses)) if state.losses else None,
            "validation_loss": None,
            **(seen or {}),
            "seconds": state.seconds,
        }
        for name, count in state.counts.items():
            entry[name] = count
            entry[f"{name}_per_second"] = (count - before.get(name, 0)) / seconds
        if self.companion is not None:
            entry["staleness_steps"] = self.companion.staleness_steps(state.step)
        _summarise(entry)
        state.losses = []
        state.history.append(entry)
        write_json(self.run_dir / "history.json", state.history)
        shown = ["none" if value is None else f"{value:.6f}" for value in (entry["loss"], loss)]
        logging.info(
            "epoch %.2f: loss %s, validation loss %s, %.0f examples/s",
            entry["epoch"],
            *shown,
            entry["examples_per_second"],
        )
        if self.companion is not None:
            self.companion.log(state.step)

    @property
    def keeps_best(self) -> bool:
        """Whether the weights to export are those of the best evaluation."""
        return self.plan.early_stopping.enabled and self.state.best is not None

    def weights(self) -> Weights:
        """The weights to export: the best by validation loss, or the last."""
        best = self.state.best
        return best if self.keeps_best and best is not None else self.state.weights()

    def summary(self, train_rows: int, validation_rows: int, weights: Weights) -> dict[str, Any]:
        """What happened, as JSON; writes the history once more, since a finished training may be resumed."""
        state, stopping = self.state, self.state.stopping
        write_json(self.run_dir / "history.json", state.history)
        seconds = max(state.seconds, 1e-9)
        return {
            "steps": state.step,
            "steps_planned": self.work.steps,
            "steps_per_epoch": self.work.steps_per_epoch,
            "train_rows": train_rows,
            "validation_rows": validation_rows,
            "stopped_early": state.step < self.work.steps,
            "exported_step": stopping.best_step if self.keeps_best else state.step,
            "best_validation_loss": stopping.best_loss,
            "seconds": state.seconds,
            "parameters": int(sum(value.size for value in weights)),
            "optimizer_state": {
                "parts": state_bytes(state.optimizer),
                "others": state_of_others(value.shape for value in weights),
            },
            "warm_start": state.begun,
            **{f"{name}_per_second": count / seconds for name, count in state.counts.items()},
            **({"codistillation": self.companion.summary()} if self.companion else {}),
        }


def _summarise(entry: dict[str, Any]) -> None:
    """An entry of the history for TensorBoard."""
    for name, value in entry.items():
        if name.endswith("_per_second"):
            tf.summary.scalar(name, value, entry["step"])
        elif name.startswith("validation_") and value is not None:
            tf.summary.scalar(name.replace("_", "/", 1), value, entry["step"])
    for replica, staleness in entry.get("staleness_steps", {}).items():
        tf.summary.scalar(f"staleness_steps/{replica}", staleness, entry["step"])
