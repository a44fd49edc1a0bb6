"""The project's model and training step, with its own optimizers or with others in their place.

    python -m benchmarks.training.keras_model DIRECTORY OPTIMIZERS THREADS

The step is the project's `Stepper`, whatever the optimizers. `keras.fit` leaves it too, and trains with
Keras' own `fit` as it stands, which compiles with XLA.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from benchmarks.training.worker import Block, Turn, read, serve, use_cores
from trainer.loop.averaging import WeightAverage
from trainer.loop.objective import Objective
from trainer.loop.stepper import Stepper
from trainer.models import build_wide_deep
from trainer.optimizers import build_optimizer
from trainer.optimizers.per_part import LINEAR_TABLE, WIDE_TABLE
from trainer.spec import FeatureSpec, ModelSpec, TrainSpec

PARTS = ("deep", "wide", "linear")


def of_keras(model: keras.Model, spec: ModelSpec, steps: int) -> keras.optimizers.Optimizer:
    """Keras' own AdaGrad and FTRL, joined by Keras' own `MultiOptimizer`."""
    rates = {
        part: keras.optimizers.schedules.CosineDecay(getattr(spec, part).learning_rate, steps)
        for part in PARTS
    }
    adagrad = keras.optimizers.Adagrad(rates["deep"], spec.deep.initial_accumulator)
    wide, linear = (
        keras.optimizers.Ftrl(
            rates[part],
            initial_accumulator_value=settings.initial_accumulator,
            l1_regularization_strength=settings.l1,
            l2_regularization_strength=settings.l2,
            name=part,
        )
        for part, settings in (("wide", spec.wide), ("linear", spec.linear))
    )
    optimizer = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(adagrad, {WIDE_TABLE: wide, LINEAR_TABLE: linear})
    )
    optimizer.build(model.trainable_variables)
    return optimizer


class Legacy:
    """tf_keras' legacy AdaGrad and FTRL, which hand sparse gradients to TensorFlow's fused kernels."""

    def __init__(self, model: keras.Model, spec: ModelSpec, steps: int) -> None:
        import tf_keras

        legacy = tf_keras.optimizers.legacy
        rates = {
            part: tf_keras.optimizers.schedules.CosineDecay(getattr(spec, part).learning_rate, steps)
            for part in PARTS
        }
        self._optimizers = {"deep": legacy.Adagrad(rates["deep"], spec.deep.initial_accumulator)}
        for part, settings in (("wide", spec.wide), ("linear", spec.linear)):
            self._optimizers[part] = legacy.Ftrl(
                rates[part],
                initial_accumulator_value=settings.initial_accumulator,
                l1_regularization_strength=settings.l1,
                l2_regularization_strength=settings.l2,
            )
        self._part = {
            variable.path: next(
                (part for part in ("wide", "linear") if variable.path == f"{part}/table"), "deep"
            )
            for variable in model.trainable_variables
        }
        for part, optimizer in self._optimizers.items():
            own = [
                variable.value for variable in model.trainable_variables if self._part[variable.path] == part
            ]
            optimizer._create_all_weights(own)

    def apply(self, gradients: Sequence[Any], variables: Sequence[keras.Variable]) -> None:
        """What the `Stepper` calls."""
        for part, optimizer in self._optimizers.items():
            optimizer.apply_gradients(
                (gradient, variable.value)
                for gradient, variable in zip(gradients, variables, strict=True)
                if self._part[variable.path] == part
            )


def stepped(settings: dict[str, Any], blocks: list[Block], optimizers: str) -> Turn:
    """Turns of the project's `Stepper`."""
    model, features, spec, plan = built(settings)
    if optimizers == "ours":
        optimizer: Any = build_optimizer(
            model, spec.wide, spec.deep, plan.learning_rate_decay, settings["steps"], spec.linear
        )
    else:
        optimizer = (of_keras if optimizers == "keras" else Legacy)(model, spec, settings["steps"])
    stepper = Stepper(
        tf.distribute.get_strategy(),
        features,
        model,
        optimizer,
        WeightAverage([], 0.0),
        Objective(features.task, settings["mean_weight"]),
        blocks[0]["label"].shape[1],
        jit_compile=False,
    )
    return lambda number: float(stepper.train(blocks[number % len(blocks)])[1].mean())


def fitted(settings: dict[str, Any], blocks: list[Block]) -> Turn:
    """Turns of Keras' `fit`."""
    model, _, spec, plan = built(settings)

    def both(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.repeat(labels, 2, axis=1), logits)
        return tf.reduce_sum(losses, axis=1)

    model.compile(of_keras(model, spec, settings["steps"]), both)
    names = [tensor.name for tensor in model.inputs]
    flat = [{n: v.reshape(-1, *v.shape[2:]) for n, v in block.items()} for block in blocks]

    def turn(number: int) -> float:
        block = flat[number % len(flat)]
        history = model.fit(
            {name: block[name] for name in names},
            block["label"][:, None],
            batch_size=plan.batch_size,
            shuffle=False,
            verbose=0,
        )
        return float(history.history["loss"][0])

    return turn


def built(settings: dict[str, Any]) -> tuple[keras.Model, FeatureSpec, ModelSpec, TrainSpec]:
    """The model as the pipeline makes it."""
    features, spec = FeatureSpec.from_json(settings["features"]), ModelSpec.from_json(settings["model"])
    plan = TrainSpec.from_json(settings["train"])
    return build_wide_deep(features, spec, plan.seed, settings["bias"]), features, spec, plan


def main(arguments: list[str]) -> None:
    """Takes turns."""
    directory, optimizers, threads = Path(arguments[0]), arguments[1], int(arguments[2])
    use_cores(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    settings, blocks = read(directory)
    turn = fitted(settings, blocks) if optimizers == "keras.fit" else stepped(settings, blocks, optimizers)
    serve(turn)


if __name__ == "__main__":
    main(sys.argv[1:])
