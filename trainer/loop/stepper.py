"""The compiled parts of the loop: several training steps in one call, and the evaluation of a split."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.codistillation.teacher import Teacher
from trainer.data import Block, Split, evaluation_blocks
from trainer.loop.averaging import WeightAverage
from trainer.loop.objective import Objective
from trainer.models import penalty
from trainer.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A split seen by the model.

    Args:
        loss: float. Weighted mean of the loss, class weights included, without penalties.
        logits: float32 `(rows, outputs)`.
        labels: `(rows,)`, standardised for regression.
        weights: float32 `(rows,)`, of the examples alone.
    """

    loss: float
    logits: NDArray[Any]
    labels: NDArray[Any]
    weights: NDArray[Any]


def _tensors(block: Block) -> dict[str, Any]:
    return {name: tf.constant(values) for name, values in block.items()}


class Stepper:
    """Runs blocks of steps on a strategy.

    Args:
        strategy: where the variables live.
        spec: the features.
        model: from transformed features to logits.
        optimizer: built on the trainable variables of `model`.
        average: follows the weights.
        objective: what is minimised.
        batch: int. Examples of a step over all replicas.
        jit_compile: bool. Compile the step with XLA.
        teacher: the peers of a replica. Defaults to `None`.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        spec: FeatureSpec,
        model: keras.Model,
        optimizer: Any,
        average: WeightAverage,
        objective: Objective,
        batch: int,
        jit_compile: bool,
        teacher: Teacher | None = None,
    ) -> None:
        self._strategy = strategy
        self._replicas = int(strategy.num_replicas_in_sync)
        self._model, self._optimizer, self._average = model, optimizer, average
        self._objective = objective
        self._teacher = teacher
        self._batch = batch
        self._outputs = spec.num_classes
        self._inputs = list(model.input)
        step = tf.function(self._step, jit_compile=True) if jit_compile else self._step
        # One trace for blocks of every length, but on a TPU, where shapes must be static.
        static = isinstance(strategy, tf.distribute.TPUStrategy)
        self._train = tf.function(
            lambda block: self._steps(step, block),
            input_signature=None if static else [self._signature(spec)],
        )
        self._evaluate = tf.function(self._evaluation_steps)

    @property
    def longest_block(self) -> int:
        """Most steps in one call: about 32,768 examples; one on a TPU, where shapes must be static."""
        if isinstance(self._strategy, tf.distribute.TPUStrategy):
            return 1
        return max(1, min(64, 32_768 // self._batch))

    def _signature(self, spec: FeatureSpec) -> dict[str, tf.TensorSpec]:
        label = tf.int32 if spec.task == "multiclass" else tf.float32
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {"label": ((), label), "weight": ((), tf.float32)}
        for name, width, kind in (
            ("wide_ids", len(spec.wide), tf.int32),
            ("deep_ids", len(spec.deep), tf.int32),
            ("dense", len(spec.dense), tf.float32),
        ):
            if width:
                shapes[name] = ((width,), kind)
        return {n: tf.TensorSpec([None, self._batch, *shape], kind) for n, (shape, kind) in shapes.items()}

    def train(self, block: Block) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Takes the steps of a block `(steps, batch, ...)`.

        Returns:
            Before each step the loss of the joint model, `(steps,)`, and all that is minimised, the loss of
            the linear model and the penalties included, `(steps,)`.
        """
        found = self._train(_tensors(block)).numpy()
        return found[:, 0], found[:, 1]

    def evaluate(self, split: Split, most_rows: int = 4096) -> Evaluation:
        """The loss and the logits of a whole split.

        Args:
            split: the split.
            most_rows: int. Most rows in a batch. Defaults to `4096`.
        """
        batch = -(-min(most_rows, split.rows) // self._replicas) * self._replicas
        losses, totals = 0.0, 0.0
        logits, labels, weights = [], [], []
        for block in evaluation_blocks(split, batch):
            loss, total, outputs = self._evaluate(_tensors(block))
            losses += float(loss.numpy().astype(np.float64).sum())
            totals += float(total.numpy().astype(np.float64).sum())
            parts = self._strategy.experimental_local_results(outputs)
            together = np.concatenate([part.numpy() for part in parts], axis=1)
            logits.append(together.reshape(-1, together.shape[-1]))
            labels.append(np.asarray(self._objective.labels(block)).reshape(-1))
            weights.append(block["weight"].reshape(-1))
        rows = split.rows
        return Evaluation(
            losses / totals,
            np.concatenate(logits)[:rows],
            np.concatenate(labels)[:rows],
            np.concatenate(weights)[:rows],
        )

    def _share(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The rows of a batch that this replica takes."""
        if self._replicas == 1:
            return batch
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return {
            name: tf.reshape(values, (self._replicas, -1, *values.shape[1:]))[replica]
            for name, values in batch.items()
        }

    def _step(self, batch: dict[str, Any]) -> Any:
        batch = self._share(batch)
        variables = self._model.trainable_variables
        weights = self._objective.weights(batch)
        labels = self._objective.labels(batch)
        with tf.GradientTape() as tape:
            logits = self._model({name: batch[name] for name in self._inputs}, training=True)
            # A linear model beside the joint one has logits and a loss of its own.
            heads = tf.split(tf.cast(logits, tf.float32), logits.shape[-1] // self._outputs, axis=-1)
            scale = self._batch * self._objective.mean_weight
            timed = self._objective.ramp_steps or self._teacher is not None
            step = self._optimizer.iterations.value if timed else None
            losses = [
                tf.reduce_sum(self._objective.loss(labels, head, step) * weights) / scale for head in heads
            ]
            loss = losses[0]
            total = tf.add_n(losses) + penalty(self._model) / self._replicas
            if self._teacher is not None:
                taught = self._taught(self._teacher, step, batch, heads[0])
                total += tf.reduce_sum(taught * weights) / scale
        gradients = tape.gradient(total, [variable.value for variable in variables])
        self._optimizer.apply(gradients, variables)
        self._average.update()
        return tf.stack([loss, total])

    def _taught(self, teacher: Teacher, step: Any, batch: dict[str, Any], logits: Any) -> Any:
        """The teaching term of each example, for the joint model."""
        inputs = {name: batch[name] for name in self._inputs}
        return teacher.term(
            step,
            tf.shape(logits),
            lambda peer: self._objective.predictions(tf.cast(peer(inputs, training=False), tf.float32), step),
            lambda said: self._objective.believed(said, logits),
            lambda targets: self._objective.divergence(targets, logits, step),
        )

    def _steps(self, step: Any, block: dict[str, Any]) -> Any:
        count = tf.shape(block["label"])[0]

        def body(index: Any, losses: Any) -> tuple[Any, Any]:
            batch = {name: values[index] for name, values in block.items()}
            found = self._strategy.run(step, args=(batch,))
            found = self._strategy.reduce(tf.distribute.ReduceOp.SUM, found, axis=None)
            return index + 1, losses.write(index, found)

        _, losses = tf.while_loop(
            lambda index, _: index < count,
            body,
            (tf.constant(0), tf.TensorArray(tf.float32, count)),
            parallel_iterations=1,
        )
        return losses.stack()

    def _evaluation_steps(self, block: Any) -> Any:
        def all_batches(part: dict[str, Any]) -> Any:
            def one(batch: dict[str, Any]) -> Any:
                batch = self._share(batch)
                logits = self._model({name: batch[name] for name in self._inputs}, training=False)
                logits = tf.cast(logits, tf.float32)
                weights = self._objective.weights(batch)
                loss = self._objective.loss(self._objective.labels(batch), logits)
                # A weight of 0 must silence a row whatever its loss.
                loss = tf.where(weights > 0, loss * weights, tf.zeros_like(loss))
                return tf.reduce_sum(loss), tf.reduce_sum(weights), logits

            return tf.map_fn(one, part, fn_output_signature=(tf.float32, tf.float32, tf.float32))

        loss, weight, logits = self._strategy.run(all_batches, args=(block,))
        add = tf.distribute.ReduceOp.SUM
        return (
            self._strategy.reduce(add, loss, axis=None),
            self._strategy.reduce(add, weight, axis=None),
            logits,
        )
