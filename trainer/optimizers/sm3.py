"""SM3: adaptive rates whose state is one number for each row, column or other slice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import keras
import tensorflow as tf
from absl import logging

from trainer.optimizers.rows import Rate, RowOptimizer, Shape, state_type, under_xla

Cover: TypeAlias = Literal["slices", "elements"] | Sequence[Sequence[int]]
"""`slices`, `elements`, or lists of the axes that the numbers of each accumulator are told apart by."""


@keras.saving.register_keras_serializable(package="tandem")
class SM3(RowOptimizer):
    """Square-root of Minima of Sums of Maxima of Squared-gradients Method.

    A cover is a choice of sets `S_r` that together hold every element of a tensor; each has one number `mu`.
    SM3-II, the default: `nu(i) = min over r with i in S_r of mu(r) + g(i)**2`,
    `w(i) <- w(i) - learning_rate * g(i) / sqrt(nu(i))` with `0 / 0 = 0`, and
    `mu(r) <- max over i in S_r of nu(i)`. SM3-I: `mu(r) <- mu(r) + max over i in S_r of g(i)**2` and
    `nu(i) = min of mu(r)`. There is no epsilon, so the first step on any gradient is
    `learning_rate * sign(g)`, however small it is.

    By default the sets are all slices along each axis: a matrix `(m, n)` has `m + n` numbers of state, and a
    vector has one for each element, as AdaGrad.

    Rows of a table that are not in the batch keep what they have. The numbers of columns are maxima, so that
    updating the rows of the batch alone gives exactly what a gradient with zeros elsewhere gives.

    Momentum is an average of the scaled steps, `m <- momentum * m + (1 - momentum) * g / sqrt(nu)`. It needs
    a number for each element, which does not exist at `momentum=0`, and is not used where rows are updated:
    name such variables in `tables`, and they have no slot for it.

    Args:
        learning_rate: float above 0 or a schedule. Defaults to `0.1`.
        momentum: float in `[0, 1)`. Defaults to `0.9`.
        variant: `"II"` or `"I"`. Defaults to `"II"`.
        beta: float in `[0, 1)`. Above 0 squares are averaged instead of added, with Adam's correction of the
            start: `nu = beta * min mu + (1 - beta) * g**2`, divided by `1 - beta**t`. The accumulators
            then fall as well as rise, in every row at every step, so row updates are refused. Defaults to
            `0.0`.
        initial_accumulator: float, at least 0. Start of every `mu`. Defaults to `0.0`.
        covers: from patterns that fully match paths of variables to their cover: `"slices"`, `"elements"`, or
            a list of sets of axes, for example `[[0, 1], [2]]`. The first match counts. Defaults to `None`,
            which is `"slices"` for all.
        tables: patterns that fully match paths of variables updated by rows. Defaults to `()`.
        name: str or None. Defaults to `"sm3"`.
        **options: `weight_decay`, `no_decay`, `clipnorm` and others, see `RowOptimizer`.

    Raises:
        ValueError: if a number is out of range, a cover names an axis that is not there, a variable in
            `tables` gets a dense gradient, or an option touches every row of a table.

    Example:
        >>> weights = keras.Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> SM3(1.0, momentum=0.0).apply([tf.constant([[1.0, -2.0], [0.0, 4.0]])], [weights])
        >>> weights.numpy().tolist()
        [[0.0, 3.0], [3.0, 3.0]]

    Reference: Anil, Gupta, Koren, Singer, 2019, arXiv:1901.11150, algorithms SM3-I and SM3-II.
    """

    dense_slots: ClassVar[tuple[str, ...]] = ("momentum",)

    def __init__(
        self,
        learning_rate: Rate = 0.1,
        momentum: float = 0.9,
        variant: Literal["I", "II"] = "II",
        beta: float = 0.0,
        initial_accumulator: float = 0.0,
        covers: Mapping[str, Cover] | None = None,
        tables: Sequence[str] = (),
        name: str | None = "sm3",
        **options: Any,
    ) -> None:
        for key, value in (("momentum", momentum), ("beta", beta)):
            if not 0 <= value < 1:
                raise ValueError(f"{key} must be in [0, 1). Received: {key}={value}")
        if not initial_accumulator >= 0:
            raise ValueError(
                f"initial_accumulator must be at least 0. Received: initial_accumulator={initial_accumulator}"
            )
        if variant not in ("I", "II"):
            raise ValueError(f"variant must be 'I' or 'II'. Received: variant={variant!r}")
        super().__init__(learning_rate, name=name, **options)
        self.momentum, self.beta = float(momentum), float(beta)
        self.variant = variant
        self.initial_accumulator = float(initial_accumulator)
        self.covers = {
            pattern: cover if isinstance(cover, str) else [[int(axis) for axis in axes] for axes in cover]
            for pattern, cover in (covers or {}).items()
        }
        self.tables = tuple(tables)

    def _is_table(self, path: str) -> bool:
        return any(re.fullmatch(pattern, path) for pattern in self.tables)

    def _sets(self, variable: keras.Variable) -> list[tuple[int, ...]]:
        """Axes of each accumulator."""
        rank, path = len(variable.shape), str(variable.path)
        cover: Any = next((c for p, c in self.covers.items() if re.fullmatch(p, path)), "slices")
        if rank < 2 or cover == "elements":
            return [tuple(range(rank))]
        if cover == "slices":
            return [(axis,) for axis in range(rank)]
        if isinstance(cover, str) or not cover:
            raise ValueError(
                f"A cover must be 'slices', 'elements' or sets of axes. Received: {cover!r} for {path}"
            )
        for axis in itertools.chain.from_iterable(cover):
            if not -rank <= axis < rank:
                raise ValueError(
                    f"A cover of {path} must name axes from {-rank} to {rank - 1}. Received: {cover}"
                )
        return list(dict.fromkeys(tuple(sorted({axis % rank for axis in axes})) for axes in cover))

    def slot_shapes(self, variable: keras.Variable) -> Mapping[str, Shape]:
        shape = tuple(int(size) for size in variable.shape)
        shapes: dict[str, Shape] = {}
        for axes in self._sets(variable):
            name = "_".join(("accumulator", *map(str, axes)))
            shapes[name] = tuple(size if axis in axes else 1 for axis, size in enumerate(shape))
        if self.momentum and not self._is_table(str(variable.path)):
            shapes["momentum"] = shape
        return shapes

    def slot_start(self, name: str, variable: keras.Variable) -> tf.Tensor:
        start = 0.0 if name == "momentum" else self.initial_accumulator
        return tf.fill(self.slot_shapes(variable)[name], tf.constant(start, state_type(variable)))

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: tf.Tensor | keras.Variable,
    ) -> None:
        path = self._paths[self._get_variable_index(variable)]
        if isinstance(gradient, tf.IndexedSlices):
            if self.beta:
                raise ValueError(
                    "beta lowers the accumulators of every row at every step. Received: "
                    f"beta={self.beta} and row updates of {path}. Set beta=0, or give tables an optimizer of "
                    "their own."
                )
            if self.momentum and not self._is_table(path):
                logging.warning(
                    "SM3 updates rows of %s without momentum, whose slot stays unused: name it in `tables`.",
                    path,
                )
        elif self._is_table(path) and self.momentum:
            raise ValueError(
                f"A variable named in tables must get row updates. Received: a dense gradient of {path}, "
                "which has no slot for momentum. Read it by `tf.gather`, or take it out of tables."
            )
        super().update_step(gradient, variable, learning_rate)

    def update_dense(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Variable, *slots: tf.Variable
    ) -> None:
        decays = self.weight_decay and self._use_weight_decay(variable)
        if not self.momentum or decays or variable.dtype != gradient.dtype or under_xla():
            super().update_dense(gradient, learning_rate, variable, *slots)
            return
        *accumulators, momentum = slots
        step, news = self._scaled(gradient, [tf.convert_to_tensor(slot) for slot in accumulators])
        # One pass over weights and momentum instead of six.
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=momentum.handle,
            lr=learning_rate,
            grad=(1 - self.momentum) * step,
            momentum=tf.constant(self.momentum, gradient.dtype),
        )
        for accumulator, new in zip(accumulators, news, strict=True):
            accumulator.assign(new)

    def formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        step, news = self._scaled(gradient, slots)
        return [variable - learning_rate * step, *news]

    def dense_formula(
        self, gradient: tf.Tensor, learning_rate: tf.Tensor, variable: tf.Tensor, *slots: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        if not self.momentum:
            return self.formula(gradient, learning_rate, variable, *slots)
        step, news = self._scaled(gradient, slots[:-1])
        average = self.momentum * slots[-1] + (1 - self.momentum) * step
        return [variable - learning_rate * average, *news, average]

    def _scaled(
        self, gradient: tf.Tensor, accumulators: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The gradient over the root of `nu`, and the new accumulators."""
        square = tf.square(gradient)
        if self.beta:
            square = (1 - self.beta) * square
        kept = [self.beta * mu if self.beta else mu for mu in accumulators]
        if self.variant == "I":
            # Not below 0: the maximum over no row is minus infinity.
            news = [mu + tf.nn.relu(_largest(square, mu)) for mu in kept]
            total = _least(news)
        else:
            total = _least(kept) + square
            news = [_largest(total, mu) for mu in accumulators]
            if not self.beta:
                # What no gradient of this step reaches keeps its history.
                news = [tf.maximum(new, mu) for new, mu in zip(news, accumulators, strict=True)]
        # A tiny gradient has a square of 0: the root is never below what the gradient alone makes it.
        root, least = tf.sqrt(total), tf.abs(gradient)
        if self.beta:
            steps = tf.cast(self.iterations, gradient.dtype) + 1
            correction = tf.math.rsqrt(1 - tf.pow(tf.cast(self.beta, gradient.dtype), steps))
            root, least = root * correction, least * (correction * (1 - self.beta) ** 0.5)
        return tf.math.divide_no_nan(gradient, tf.maximum(root, least)), news

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "variant": self.variant,
            "beta": self.beta,
            "initial_accumulator": self.initial_accumulator,
            "covers": self.covers,
            "tables": list(self.tables),
        }


def _least(accumulators: Sequence[tf.Tensor]) -> tf.Tensor:
    """Their minimum at each element."""
    least = accumulators[0]
    for accumulator in accumulators[1:]:
        least = tf.minimum(least, accumulator)
    return least


def _largest(values: tf.Tensor, accumulator: tf.Tensor) -> tf.Tensor:
    """Maximum of `values` over the axes in which the accumulator has one number."""
    if values.shape.rank == 0:
        return values
    axes = [axis for axis, size in enumerate(accumulator.shape) if size == 1]
    return tf.reduce_max(values, axes, keepdims=True) if axes else values
