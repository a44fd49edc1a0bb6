"""Training that knows that its weights will be rounded."""

from __future__ import annotations

import contextlib
from typing import Any

from trainer.quantisation.choice import reduced_axes
from trainer.quantisation.in_place import InPlace
from trainer.quantisation.rounding import fake_quantise

_FLOAT_SHARE = 0.5


def begins(steps: int) -> int:
    """Step after which an `aware` training rounds: half of the planned ones.

    The first half settles the weights; from there on the rest learns to make up for the rounding.

    Args:
        steps: int. Planned steps.

    Example:
        >>> begins(1001)
        500

    Reference: Krishnamoorthi, 2018, arXiv:1806.08342, section 3.2: start from a trained float model.
    """
    return int(steps * _FLOAT_SHARE)


def fake_quantised(model: Any, enabled: bool = True) -> contextlib.AbstractContextManager[Any]:
    """A block in which the model computes with its weights as they will be stored.

    Gradients reach the variables as if nothing had been rounded. To be entered inside the `tf.GradientTape`
    and inside the `tf.function`.

    Args:
        model: a Keras model or layer. It reads weights from its variables when called.
        enabled: bool. `False` changes nothing. Defaults to `True`.
    """
    if not enabled:
        return contextlib.nullcontext()
    pairs = []
    for variable in model.trainable_variables:
        axes = reduced_axes(variable.path, variable.shape)
        if axes is not None:
            pairs.append((variable, fake_quantise(variable.value, axes)))
    return InPlace(pairs)
