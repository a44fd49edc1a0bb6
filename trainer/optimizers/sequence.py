"""The optimizer of sequence models: Adam or SM3 over all weights, with clipping and a warm-up."""

from __future__ import annotations

import re
from typing import Any

import keras

from trainer.optimizers.adam import Adam
from trainer.optimizers.rows import RowOptimizer
from trainer.optimizers.schedules import Decay, schedule
from trainer.optimizers.sm3 import SM3
from trainer.spec import SequenceTrainSpec


def build_sequence_optimizer(model: keras.Model, spec: SequenceTrainSpec, steps: int) -> RowOptimizer:
    """The optimizer of a model made by `build_sequence_model`, with all slots created.

    The gradient is clipped by its norm over all weights. Weight decay passes over vectors: biases and the
    weights of normalisations. The warm-up rises in a line. Call it in the scope of the strategy the model was
    made in.

    Args:
        model: the model.
        spec: optimizer, rates and schedule.
        steps: int, at least 1. Planned steps.

    Returns:
        A Keras optimizer built on `model.trainable_variables`. Give `apply` dense gradients.
    """
    decay: Decay = "none" if spec.schedule == "constant" else spec.schedule
    rate = schedule(spec.learning_rate, decay, steps, spec.warm_up, power=1.0)
    vectors = [f"^{re.escape(str(v.path))}$" for v in model.trainable_variables if len(v.shape) < 2]
    options: dict[str, Any] = {
        "global_clipnorm": spec.clip_norm or None,
        "weight_decay": spec.weight_decay or None,
        "no_decay": tuple(vectors) if spec.weight_decay else (),
    }
    optimizer: RowOptimizer
    if spec.optimizer == "adam":
        optimizer = Adam(rate, spec.momentum, spec.beta_2, **options)
    else:
        optimizer = SM3(rate, spec.momentum, **options)
    optimizer.build(model.trainable_variables)
    return optimizer
