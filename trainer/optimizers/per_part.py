"""One optimizer for both parts: FTRL on the wide table, AdaGrad or SM3 on everything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from trainer.optimizers.adagrad import AdaGrad
from trainer.optimizers.ftrl import FTRL
from trainer.optimizers.rows import Rate, RowOptimizer
from trainer.optimizers.schedules import Decay, schedule
from trainer.optimizers.sm3 import SM3
from trainer.spec import DeepSpec, LinearSpec, WideSpec

WIDE_TABLE = "(.*/)?wide/table"
LINEAR_TABLE = "(.*/)?linear/table"
SHARED = "(.*/)?logits/bias"
EMBEDDING_TABLES = "(.*/)?embeddings/table_.*"
BIASES = "/bias$"


@keras.saving.register_keras_serializable(package="tandem")
class PerPart(keras.optimizers.MultiOptimizer):
    """Keras' `MultiOptimizer` with its parts in reach of `tf.train.Checkpoint`.

    Keras keeps the parts in a list, which TensorFlow's checkpoints pass over: all slots would be missing from
    a checkpoint without a word. Here each part is an attribute too.

    Args:
        optimizer_map: `keras.optimizers.OptimizerMap` from patterns of variable paths to optimizers.
        loss_scale_factor: must be None. Defaults to `None`.
        name: str. Defaults to `"per_part"`.

    Raises:
        ValueError: if `loss_scale_factor` is set.
    """

    def __init__(
        self,
        optimizer_map: keras.optimizers.OptimizerMap,
        loss_scale_factor: float | None = None,
        name: str = "per_part",
    ) -> None:
        if loss_scale_factor is not None:
            raise ValueError(
                f"loss_scale_factor must be unset. Received: loss_scale_factor={loss_scale_factor}"
            )
        super().__init__(optimizer_map, loss_scale_factor=None, name=name)
        for optimizer in self.optimizers:
            setattr(self, f"part_{optimizer.name}", optimizer)

    def restart(self) -> None:
        """Sets the slots of every part to their start, as for weights that come from elsewhere."""
        for optimizer in self.optimizers:
            if optimizer.built:
                optimizer.restart()

    def settle(self) -> None:
        """Makes slots of every part agree with weights that come from elsewhere, as `FTRL.settle`."""
        for optimizer in self.optimizers:
            if optimizer.built:
                optimizer.settle()


def build_optimizer(
    model: keras.Model,
    wide: WideSpec,
    deep: DeepSpec,
    decay: Decay = "none",
    steps: int = 0,
    linear: LinearSpec | None = None,
) -> PerPart:
    """The optimizer of a model made by `build_wide_deep`, with all slots created.

    FTRL takes the wide table, another FTRL the table of the linear model. AdaGrad, or SM3, takes the
    embeddings, the kernels and the biases; weight decay passes over biases. Without a deep part AdaGrad takes
    the bias with the rate and accumulator of the wide part. Call it in the scope of the strategy the model
    was made in.

    Args:
        model: the model.
        wide: rates of the wide part.
        deep: rates of the deep part.
        decay: how the rates of all parts end, see `schedule`. Defaults to `"none"`.
        steps: int. Planned steps, for the decay. Defaults to `0`.
        linear: rates of the linear model, if the model has one. Defaults to `None`.

    Returns:
        A Keras optimizer built on `model.trainable_variables`. Give `apply` gradients taken with respect to
        `[v.value for v in model.trainable_variables]`, so that those of tables stay `tf.IndexedSlices`.
    """
    paths = [variable.path for variable in model.trainable_variables]
    has_wide = any(re.fullmatch(WIDE_TABLE, path) for path in paths)
    has_deep = not all(re.fullmatch(f"{WIDE_TABLE}|{SHARED}", path) for path in paths)
    if has_deep:
        rest = _of_deep(deep, schedule(deep.learning_rate, decay, steps, deep.warm_up))
    else:
        rest = AdaGrad(schedule(wide.learning_rate, decay, steps), wide.initial_accumulator)
    patterns: dict[str, keras.optimizers.Optimizer] = {}
    if has_wide:
        patterns[WIDE_TABLE] = FTRL(
            schedule(wide.learning_rate, decay, steps),
            l1=wide.l1,
            l2=wide.l2,
            initial_accumulator=wide.initial_accumulator,
        )
    if linear is not None and any(re.fullmatch(LINEAR_TABLE, path) for path in paths):
        patterns[LINEAR_TABLE] = FTRL(
            schedule(linear.learning_rate, decay, steps),
            l1=linear.l1,
            l2=linear.l2,
            initial_accumulator=linear.initial_accumulator,
            name="ftrl_linear",
        )
    optimizer = PerPart(keras.optimizers.OptimizerMap(rest, patterns))
    optimizer.build(model.trainable_variables)
    return optimizer


def _of_deep(deep: DeepSpec, rate: Rate) -> RowOptimizer:
    decays: dict[str, Any] = {"weight_decay": deep.weight_decay or None, "no_decay": (BIASES,)}
    if deep.optimizer == "adagrad":
        return AdaGrad(rate, deep.initial_accumulator, **decays)
    return SM3(
        rate,
        deep.momentum,
        initial_accumulator=deep.initial_accumulator,
        tables=(EMBEDDING_TABLES,),
        **decays,
    )


def _parts(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """The optimizers that one is made of: itself if it has no parts."""
    return list(getattr(optimizer, "optimizers", None) or [optimizer])


def slots(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> Mapping[str, keras.Variable]:
    """Slots of a variable by name; where one has as many rows as the variable, they correspond.

    Raises:
        KeyError: if the optimizer was not built on the variable.
    """
    for part in _parts(optimizer):
        if part.built:
            try:
                found: Mapping[str, Any] = part.slots(variable)
            except KeyError:
                continue
            return found
    raise KeyError(f"The optimizer must be built on the variable. Received: variable={variable.path}")


def learning_rates(optimizer: keras.optimizers.Optimizer) -> dict[str, tf.Tensor]:
    """Current learning rate of each part, by the name of its optimizer: `ftrl`, `adagrad` and others."""
    return {part.name: tf.convert_to_tensor(part.learning_rate) for part in _parts(optimizer)}
