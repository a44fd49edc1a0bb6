"""The compiled parts of a training of sequences: a step of either task, and the evaluation of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.codistillation.teacher import Teacher
from trainer.data.sequence import SequenceBatch
from trainer.data.sequence.forcing import teacher_forcing
from trainer.loop.averaging import WeightAverage
from trainer.loop.sequence.auxiliary import Auxiliary
from trainer.loop.sequence.objective import SequenceObjective
from trainer.quantisation import fake_quantised

Arrays = dict[str, Any]


def _inputs(batch: Arrays, given: Any) -> Arrays:
    inputs = {"target_in": given}
    if "source_ids" in batch:
        inputs["source_ids"] = batch["source_ids"]
    return inputs


class SequenceStepper:
    """Takes steps on a strategy.

    Outside XLA one trace serves batches of all shapes. Under XLA each bucket is compiled once.

    Args:
        strategy: where the variables live.
        model: made by `build_sequence_model`.
        optimizer: built on its trainable variables.
        average: follows the weights.
        objective: what is minimised.
        auxiliary: the second task.
        jit_compile: bool. Compile the step with XLA.
        quantised_from: int or None. Steps after which weights are rounded as those of an int8 model in
            training and evaluation; None for never. Defaults to `None`.
        teacher: the peers of a replica. Defaults to `None`.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        model: keras.Model,
        optimizer: Any,
        average: WeightAverage,
        objective: SequenceObjective,
        auxiliary: Auxiliary,
        jit_compile: bool,
        quantised_from: int | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        self._strategy = strategy
        self._replicas = int(strategy.num_replicas_in_sync)
        self._model, self._optimizer, self._average = model, optimizer, average
        self._objective, self._auxiliary = objective, auxiliary
        self._jit = jit_compile
        self._quantised_from = quantised_from
        self._teacher = teacher
        self._functions: dict[tuple[str, bool], Callable[[Arrays], Any]] = {}

    def quantised(self, step: int) -> bool:
        """Whether weights are rounded after so many steps."""
        return self._quantised_from is not None and step >= self._quantised_from

    def _function(self, kind: str, step: int, arrays: Arrays) -> Callable[[Arrays], Any]:
        quantised = self.quantised(step)
        if (kind, quantised) not in self._functions:
            self._functions[kind, quantised] = self._traced(kind, quantised, arrays)
        return self._functions[kind, quantised]

    def _traced(self, kind: str, quantised: bool, arrays: Arrays) -> Callable[[Arrays], Any]:
        def one(batch: Arrays) -> Any:
            return self._seen(batch, quantised) if kind == "evaluate" else self._step(batch, kind, quantised)

        inner = (
            tf.function(one, jit_compile=True, autograph=False) if self._jit and kind != "evaluate" else one
        )

        def whole(batch: Arrays) -> Any:
            found = self._strategy.run(inner, args=(batch,))
            return self._strategy.reduce(tf.distribute.ReduceOp.SUM, found, axis=None)

        static = self._jit or isinstance(self._strategy, tf.distribute.TPUStrategy)
        signature = {
            name: tf.TensorSpec([None] * values.ndim, tf.as_dtype(values.dtype), name=name)
            for name, values in arrays.items()
        }
        compiled: Callable[[Arrays], Any] = tf.function(
            whole, input_signature=None if static else [signature], autograph=False
        )
        return compiled

    def train(self, batch: SequenceBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Takes the step of a batch.

        Returns:
            Before the step the loss of the first task, `(1,)`, or `(0,)` if the step is of the second; and
            what is minimised, with the teaching term, `(1,)`.
        """
        second = self._auxiliary.takes(batch.step)
        kind = "auxiliary" if second else "train"
        found = self._function(kind, batch.step, batch.arrays)(batch.arrays).numpy().reshape(-1)
        return found[: 0 if second else 1], found[-1:]

    def evaluate(self, batches: Iterable[SequenceBatch], step: int) -> float:
        """Mean over units and ends of minus the logarithm of their probability.

        Args:
            batches: a split.
            step: int. Steps done.
        """
        sums = np.zeros(2)
        for batch in batches:
            sums += self._function("evaluate", step, batch.arrays)(batch.arrays).numpy().astype(np.float64)
        return float(sums[0] / sums[1])

    def _share(self, batch: Arrays) -> Arrays:
        """The rows of a batch that this replica takes."""
        if self._replicas == 1:
            return batch
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group

        def share(values: Any) -> Any:
            # Not a slice: XLA takes none that begins at a number it does not know.
            shape = tf.shape(values)
            parts = tf.reshape(values, tf.concat([[self._replicas, -1], shape[1:]], 0))
            return tf.ensure_shape(parts[replica], [None, *values.shape[1:]])

        return {name: share(values) for name, values in batch.items()}

    def _logits(self, batch: Arrays, given: Any, training: bool, quantised: bool) -> Any:
        with fake_quantised(self._model, quantised):
            return tf.cast(self._model(_inputs(batch, given), training=training), tf.float32)

    def _step(self, batch: Arrays, kind: str, quantised: bool) -> Any:
        if kind == "auxiliary":
            batch = self._auxiliary.batch(batch)
        together = tf.reduce_sum(teacher_forcing(batch["target_ids"], batch["weight"])[2])
        batch = self._share(batch)
        given, labels, weights = teacher_forcing(batch["target_ids"], batch["weight"])
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._logits(batch, given, True, quantised)
            teacher = self._teacher if kind == "train" else None
            timed = self._objective.ramp_steps or teacher is not None
            step = self._optimizer.iterations.value if timed else None
            losses = self._objective.losses(labels, logits, step)
            losses = tf.where(weights > 0, losses * weights, tf.zeros_like(losses))
            loss = total = tf.math.divide_no_nan(tf.reduce_sum(losses), together)
            if teacher is not None:
                taught = self._taught(teacher, step, batch, given, logits)
                taught = tf.where(weights > 0, taught * weights, tf.zeros_like(taught))
                total = loss + tf.math.divide_no_nan(tf.reduce_sum(taught), together)
        values = [variable.value for variable in variables]
        found = tape.gradient(total, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = [tf.convert_to_tensor(gradient) for gradient in found]
        if self._replicas > 1:
            # The optimizer clips before it adds up the replicas' gradients: the norm is that of the sum.
            context = tf.distribute.get_replica_context()
            added = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            norm = tf.linalg.global_norm(added)
            limit = self._optimizer.global_clipnorm or np.inf
            gradients = [g * (tf.minimum(1.0, limit / norm) / self._replicas) for g in added]
        self._optimizer.apply(gradients, variables)
        self._average.update()
        return loss if teacher is None else tf.stack([loss, total])

    def _taught(self, teacher: Teacher, step: Any, batch: Arrays, given: Any, logits: Any) -> Any:
        """The teaching term of each position. Peers are not rounded: they teach what they learnt."""
        inputs = _inputs(batch, given)
        return teacher.term(
            step,
            tf.shape(logits),
            lambda peer: self._objective.predictions(tf.cast(peer(inputs, training=False), tf.float32), step),
            lambda said: self._objective.believed(said, logits),
            lambda targets: self._objective.divergence(targets, logits, step),
        )

    def _seen(self, batch: Arrays, quantised: bool) -> Any:
        batch = self._share(batch)
        given, labels, weights = teacher_forcing(batch["target_ids"], batch["weight"])
        surprise = self._objective.surprise(labels, self._logits(batch, given, False, quantised))
        # A weight of 0 must silence a position whatever it holds.
        surprise = tf.where(weights > 0, surprise * weights, tf.zeros_like(surprise))
        return tf.stack([tf.reduce_sum(surprise), tf.reduce_sum(weights)])
