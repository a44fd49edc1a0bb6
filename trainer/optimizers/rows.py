"""What the optimizers share: one formula, applied to whole variables or to the rows of the batch.

The gradient of a gather is a `tf.IndexedSlices`; an id that occurs twice in a batch occurs twice in it. Such
rows are added first, since the accumulators are not linear in the gradient. Then the rows of the batch are
gathered, changed and scattered back, or outside XLA, which has none of them, given to one of TensorFlow's
fused `ResourceSparseApply*` kernels where that is measured not to be slower
(`benchmarks/sparse_updates.py`): FTRL's on rows of one number. A test compares all three.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

# Each of these reads or writes every row at every step, whatever the batch holds.
DENSE_OPTIONS = (
    "weight_decay",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "use_ema",
    "ema_overwrite_frequency",
    "gradient_accumulation_steps",
    "loss_scale_factor",
)


def under_xla() -> bool:
    """Whether the function being traced is compiled by XLA (`jit_compile=True`, TPU)."""
    return bool(control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def distinct_rows(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor]:
    """Adds rows of equal index.

    Returns:
        Distinct indices `(rows,)` in order of first occurrence, and their sums `(rows, ...)`. The number of
        rows depends on the data, which XLA cannot compile.
    """
    indices, position = tf.unique(gradient.indices)
    sums = tf.math.unsorted_segment_sum(gradient.values, position, tf.shape(indices)[0])
    return indices, sums


def repeated_rows(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor]:
    """Adds rows of equal index, keeping the static shape.

    Every occurrence of an index gets the same sum, computes the same new row and writes it, so the order of
    the writes does not matter.

    Returns:
        Sorted indices `(n,)` with their repetitions, and for each the sum of its group, `(n, ...)`.
    """
    order = tf.argsort(gradient.indices, stable=True)
    indices = tf.gather(gradient.indices, order)
    starts = tf.concat(
        [tf.zeros_like(indices[:1], tf.int32), tf.cast(indices[1:] != indices[:-1], tf.int32)], 0
    )
    group = tf.cumsum(starts)
    sums = tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), group, tf.shape(indices)[0])
    return indices, tf.gather(sums, group)


class RowOptimizer(keras.optimizers.Optimizer):
    """Base of the optimizers; a subclass gives its slots and its formula.

    Args:
        learning_rate: float above 0, or a `keras.optimizers.schedules.LearningRateSchedule`.
        name: str or None. Defaults to the class name in snake case.
        **options: further arguments of `keras.optimizers.Optimizer`; those in `DENSE_OPTIONS` must be unset.

    Raises:
        ValueError: if an option would touch every row of a table.
    """

    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        name: str | None = None,
        **options: Any,
    ) -> None:
        for option in DENSE_OPTIONS:
            if options.get(option):
                raise ValueError(
                    f"{type(self).__name__} updates only the rows of the batch, {option} touches every row. "
                    f"Received: {option}={options[option]}. Leave it unset."
                )
        if isinstance(learning_rate, int | float) and not learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0. Received: learning_rate={learning_rate}")
        rate = float(learning_rate) if isinstance(learning_rate, int) else learning_rate
        super().__init__(learning_rate=rate, name=name, **options)
        self._slots: list[dict[str, keras.Variable]] = []

    @abc.abstractmethod
    def slot_start(self, name: str, variable: keras.Variable) -> tf.Tensor:
        """Value of a slot before the first step, of the variable's shape."""

    @abc.abstractmethod
    def formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        """New values of the variable and of each slot, element by element."""

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        made: list[dict[str, keras.Variable]] = []
        for variable in variables:
            slots: dict[str, keras.Variable] = {}
            for name in self.slot_names:
                slots[name] = self.add_variable_from_reference(
                    variable, name=name, initializer=self._starter(name, variable)
                )
                # TensorFlow's checkpoints follow attributes, not lists of a Keras optimizer.
                setattr(self, f"slot_{len(made)}_{name}", slots[name])
            made.append(slots)
        self._slots = made

    def _starter(self, name: str, variable: keras.Variable) -> Any:
        def start(shape: Any, dtype: Any = None) -> tf.Tensor:  # noqa: ARG001
            return self.slot_start(name, variable)

        return start

    def slots(self, variable: keras.Variable) -> Mapping[str, keras.Variable]:
        """The slots of a variable by name, each of the variable's shape, so rows correspond.

        Raises:
            KeyError: if the optimizer was not built on the variable.
        """
        found: Mapping[str, keras.Variable] = self._slots[self._get_variable_index(variable)]
        return found

    def restart(self) -> None:
        """Sets every slot to its start, as for weights that come from elsewhere."""
        for variable, slots in zip(self._trainable_variables, self._slots, strict=True):
            for name, slot in slots.items():
                slot.assign(self.slot_start(name, variable))

    def settle(self) -> None:
        """Makes slots that say what the weights are agree with them; here no slot does."""

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: tf.Tensor | keras.Variable,
    ) -> None:
        rate = tf.cast(tf.convert_to_tensor(learning_rate), variable.dtype)
        slots = [slot.value for slot in self.slots(variable).values()]
        targets = [variable, *slots]
        if not isinstance(gradient, tf.IndexedSlices):
            news = self.formula(tf.cast(gradient, variable.dtype), rate, *map(tf.convert_to_tensor, targets))
            for target, new in zip(targets, news, strict=True):
                target.assign(new)
        elif under_xla():
            self._scatter(*repeated_rows(gradient), rate, *targets)
        else:
            self.update_distinct(*distinct_rows(gradient), rate, *targets)

    def update_distinct(
        self,
        indices: tf.Tensor,
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
        variable: tf.Variable,
        *slots: tf.Variable,
    ) -> None:
        """Changes distinct rows outside XLA; a subclass may use a fused kernel with the same result."""
        self._scatter(indices, gradient, learning_rate, variable, *slots)

    def _scatter(
        self, indices: tf.Tensor, gradient: tf.Tensor, learning_rate: tf.Tensor, *targets: tf.Variable
    ) -> None:
        rows = [tf.raw_ops.ResourceGather(resource=t.handle, indices=indices, dtype=t.dtype) for t in targets]
        for target, new in zip(targets, self.formula(gradient, learning_rate, *rows), strict=True):
            tf.raw_ops.ResourceScatterUpdate(resource=target.handle, indices=indices, updates=new)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {"name": config["name"], "learning_rate": config["learning_rate"]}
