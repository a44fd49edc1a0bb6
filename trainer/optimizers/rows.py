"""What the optimizers share: one formula, applied to whole variables or to the rows of the batch.

The gradient of a gather is a `tf.IndexedSlices`; an id that occurs twice in a batch occurs twice in it. Such
rows are added first, since the accumulators are not linear in the gradient. Then the rows of the batch are
gathered, changed and scattered back, or outside XLA, which has none of them, given to one of TensorFlow's
fused `ResourceSparseApply*` kernels where that is measured not to be slower
(`benchmarks/sparse_updates.py`): FTRL's on rows of one number. A test compares all three.

State is kept in float32 for variables of half precision, and so is the arithmetic.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

# These would hold a gradient as large as the table, or touch every row of it.
DENSE_OPTIONS = ("gradient_accumulation_steps", "loss_scale_factor")
Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule
Shape: TypeAlias = tuple[int, ...]


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


def _grouped(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sorted indices, where a group of equal ones starts, the number of the group, and the sums of groups."""
    order = tf.argsort(gradient.indices, stable=True)
    indices = tf.gather(gradient.indices, order)
    starts = tf.concat([tf.zeros_like(indices[:1], tf.bool), indices[1:] != indices[:-1]], 0)
    group = tf.cumsum(tf.cast(starts, tf.int32))
    sums = tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), group, tf.shape(indices)[0])
    return indices, starts, group, sums


def repeated_rows(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor]:
    """Adds rows of equal index, keeping the static shape.

    Every occurrence of an index gets the same sum, computes the same new row and writes it, so the order of
    the writes does not matter.

    Returns:
        Sorted indices `(n,)` with their repetitions, and for each the sum of its group, `(n, ...)`.
    """
    indices, _, group, sums = _grouped(gradient)
    return indices, tf.gather(sums, group)


def added_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same gradient with the sum of equal rows in one place, so that a norm of the values is its norm.

    Under XLA the first occurrence of an index holds the sum and the others hold 0.
    """
    if not under_xla():
        indices, sums = distinct_rows(gradient)
        return tf.IndexedSlices(sums, indices, gradient.dense_shape)
    indices, starts, group, sums = _grouped(gradient)
    first = tf.concat([tf.ones_like(starts[:1]), starts[1:]], 0)
    first = tf.reshape(first, [-1] + [1] * (len(sums.shape) - 1))
    values = tf.where(first, tf.gather(sums, group), tf.zeros_like(sums))
    return tf.IndexedSlices(values, indices, gradient.dense_shape)


def _values(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _changed(gradient: Any, change: Callable[[tf.Tensor], tf.Tensor]) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(change(gradient.values), gradient.indices, gradient.dense_shape)
    return change(gradient)


class RowOptimizer(keras.optimizers.Optimizer):
    """Base of the optimizers; a subclass gives its slots and its formula.

    Options of Keras stay sparse on tables: clipping takes the norm of the added rows, weight decay shrinks
    the rows of the batch. An average of the weights (`use_ema`) cannot be kept so and is refused for them.

    Args:
        learning_rate: float above 0, or a `keras.optimizers.schedules.LearningRateSchedule`.
        name: str or None. Defaults to the class name in snake case.
        no_decay: patterns, searched in the paths of variables that `weight_decay` passes over. Defaults to
            `()`.
        **options: further arguments of `keras.optimizers.Optimizer`; those in `DENSE_OPTIONS` must be unset.

    Raises:
        ValueError: if an option would touch every row of a table.
    """

    slot_names: tuple[str, ...] = ()
    refused: ClassVar[tuple[str, ...]] = DENSE_OPTIONS
    dense_slots: ClassVar[tuple[str, ...]] = ()
    """Slots that updates of rows leave alone."""

    def __init__(
        self,
        learning_rate: Rate,
        name: str | None = None,
        no_decay: Sequence[str] = (),
        **options: Any,
    ) -> None:
        for option in self.refused:
            if options.get(option):
                raise ValueError(
                    f"{type(self).__name__} updates only the rows of the batch, {option} touches every row. "
                    f"Received: {option}={options[option]}. Leave it unset."
                )
        if isinstance(learning_rate, int | float) and not learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0. Received: learning_rate={learning_rate}")
        rate = float(learning_rate) if isinstance(learning_rate, int) else learning_rate
        super().__init__(learning_rate=rate, name=name, **options)
        self.no_decay = tuple(no_decay)
        self._slots: list[dict[str, keras.Variable]] = []
        self._paths: list[str] = []

    @abc.abstractmethod
    def slot_start(self, name: str, variable: keras.Variable) -> tf.Tensor:
        """Value of a slot before the first step."""

    @abc.abstractmethod
    def formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        """New values of the variable and of each slot."""

    def dense_formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        """The same for a whole variable, `dense_slots` included."""
        return self.formula(gradient, learning_rate, variable, *slots)

    def slot_shapes(self, variable: keras.Variable) -> Mapping[str, Shape]:
        """The slots of a variable: names and shapes of the variable's rank, in which a size may be 1."""
        return dict.fromkeys(self.slot_names, tuple(variable.shape))

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        made: list[dict[str, keras.Variable]] = []
        for variable in variables:
            slots: dict[str, keras.Variable] = {}
            for name, shape in self.slot_shapes(variable).items():
                slots[name] = self._slot(variable, name, shape)
                # TensorFlow's checkpoints follow attributes, not lists of a Keras optimizer.
                setattr(self, f"slot_{len(made)}_{name}", slots[name])
            made.append(slots)
        self._slots = made
        self._paths = [str(variable.path) for variable in variables]

    def _slot(self, variable: keras.Variable, name: str, shape: Shape) -> keras.Variable:
        def start(shape: Any, dtype: Any = None) -> tf.Tensor:  # noqa: ARG001
            return self.slot_start(name, variable)

        with self._distribution_strategy.extended.colocate_vars_with(variable.value):
            return self.add_variable(
                shape,
                initializer=start,
                dtype=state_type(variable).name,
                name=f"{str(variable.path).replace('/', '_')}_{name}",
            )

    def slots(self, variable: keras.Variable) -> Mapping[str, keras.Variable]:
        """The slots of a variable by name; where one has as many rows as the variable, they correspond.

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
        kind = state_type(variable)
        rate = tf.cast(tf.convert_to_tensor(learning_rate), kind)
        by_rows = isinstance(gradient, tf.IndexedSlices)
        slots = [
            slot.value
            for name, slot in self.slots(variable).items()
            if not (by_rows and name in self.dense_slots)
        ]
        if not isinstance(gradient, tf.IndexedSlices):
            self.update_dense(tf.cast(gradient, kind), rate, variable, *slots)
            return
        if self.use_ema:
            raise ValueError(
                f"use_ema touches every row of a table at every step. Received: use_ema={self.use_ema} and "
                f"row updates of {variable.name}. Leave use_ema unset, or give tables an optimizer of their "
                "own."
            )
        gradient = _changed(gradient, lambda values: tf.cast(values, kind))
        if under_xla():
            self._scatter(*repeated_rows(gradient), rate, variable, *slots)
        else:
            self.update_distinct(*distinct_rows(gradient), rate, variable, *slots)

    def update_dense(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Variable, *slots: tf.Variable
    ) -> None:
        """Changes a whole variable; a subclass may use a fused kernel with the same result."""
        targets = [variable, *slots]
        values = [tf.cast(tf.convert_to_tensor(target), gradient.dtype) for target in targets]
        news = list(self.dense_formula(gradient, learning_rate, *values))
        news[0] = self._decayed(news[0], values[0], learning_rate, variable)
        for target, new in zip(targets, news, strict=True):
            target.assign(tf.cast(new, target.dtype))

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
        self,
        indices: tf.Tensor,
        gradient: tf.Tensor,
        learning_rate: tf.Tensor,
        variable: tf.Variable,
        *slots: tf.Variable,
    ) -> None:
        targets = [variable, *slots]
        count = variable.shape[0]
        rows = [
            tf.raw_ops.ResourceGather(resource=t.handle, indices=indices, dtype=t.dtype)
            if t.shape[0] == count
            else tf.convert_to_tensor(t)
            for t in targets
        ]
        rows[0] = tf.cast(rows[0], gradient.dtype)
        news = list(self.formula(gradient, learning_rate, *rows))
        news[0] = self._decayed(news[0], rows[0], learning_rate, variable)
        for target, new in zip(targets, news, strict=True):
            updates = tf.cast(new, target.dtype)
            if target.shape[0] == count:
                tf.raw_ops.ResourceScatterUpdate(resource=target.handle, indices=indices, updates=updates)
            else:
                target.assign(updates)

    def _decayed(self, new: tf.Tensor, old: tf.Tensor, rate: tf.Tensor, variable: tf.Variable) -> tf.Tensor:
        """Decoupled weight decay (Loshchilov and Hutter, 2019, arXiv:1711.05101) of what the step changes."""
        if not self.weight_decay or not self._use_weight_decay(variable):
            return new
        return new - rate * tf.cast(self.weight_decay, old.dtype) * old

    def _use_weight_decay(self, variable: tf.Variable) -> bool:
        path = self._paths[self._get_variable_index(variable)]
        if any(re.search(pattern, path) for pattern in self.no_decay):
            return False
        return bool(super()._use_weight_decay(variable))

    def _apply_weight_decay(self, variables: Sequence[tf.Variable]) -> None:
        """Nothing: Keras' own would touch every row; see `_decayed`."""

    def _clip_gradients(self, gradients: Sequence[Any]) -> list[Any]:
        limit, together, most = self.clipnorm, self.global_clipnorm, self.clipvalue
        if not (limit or together or most):
            return list(gradients)
        added = [added_rows(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
        if most:
            return [_changed(g, lambda values: tf.clip_by_value(values, -most, most)) for g in added]
        squares = [2.0 * tf.nn.l2_loss(tf.cast(_values(g), tf.float32)) for g in added]
        if together:
            squares = [tf.add_n(squares)] * len(added)
        bound = tf.constant(limit or together, tf.float32)

        def scaled(gradient: Any, square: tf.Tensor) -> Any:
            factor = bound / tf.maximum(tf.sqrt(square), bound)
            return _changed(gradient, lambda values: values * tf.cast(factor, values.dtype))

        return [scaled(gradient, square) for gradient, square in zip(added, squares, strict=True)]

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key not in DENSE_OPTIONS}
        return {**config, "no_decay": list(self.no_decay)}


def state_type(variable: Any) -> tf.DType:
    """Type of the slots of a variable and of the arithmetic: its own, but at least float32."""
    kind = tf.as_dtype(variable.dtype)
    return tf.float32 if kind.size < 4 else kind
