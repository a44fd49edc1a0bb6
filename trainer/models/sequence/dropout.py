"""Dropout of whole features: one draw for all steps of an example, and for little more than the draw."""

from __future__ import annotations

import tensorflow as tf

from trainer.models.dropout import SeededDropout
from trainer.models.layers import derive_seed
from trainer.models.sequence.numeric import dims


class StepsDropout(SeededDropout):
    """Sets features to 0 in training, the same ones at every step of a sequence.

    Recurrent layers lose less of their memory than with a draw for each step, and drawing costs nothing.

    Args:
        name: of the layer.
        rate: float in `[0, 1)`.
        seed: int. Masks depend on it, on `name` and on the number of earlier steps.
        steps: int. Axis of the steps in `(steps, batch, features)` or `(batch, steps, features)`.

    Reference: Gal and Ghahramani, 2016, arXiv:1512.05287, section 4.2.
    """

    def __init__(self, name: str, rate: float, seed: int, steps: int) -> None:
        super().__init__(rate, derive_seed(seed, name), name=name, autocast=False, dtype="float32")
        self.steps = steps

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or self.rate == 0.0:
            return inputs
        shape = dims(inputs)
        shape[self.steps] = 1
        return inputs * super().call(tf.ones(shape), training)
