"""The weights that a checkpoint would be exported with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.checkpoints import Checkpoint
from trainer.errors import TandemError


def exported_weights(checkpoint: Checkpoint, model: Any) -> list[NDArray[Any]]:
    """Averages where the training keeps them, or else the weights themselves.

    Args:
        checkpoint: of a training that averages all trainable weights or none.
        model: a model of the same layers; its own weights stay as they are.

    Returns:
        Values of `model.trainable_variables`, in their order.

    Raises:
        TandemError: `DECODE-004` if the checkpoint is of another model.
    """
    variables, trainable = list(model.variables), list(model.trainable_variables)
    own = _part(checkpoint, "model")
    averages = _part(checkpoint, "average")
    shapes = [tuple(value.shape) for value in own]
    expected = [tuple(variable.shape) for variable in variables]
    # Behind the averages stands the count of the steps that they have taken in.
    if shapes != expected or len(averages) not in (0, len(trainable) + 1):
        raise TandemError(
            "DECODE-004",
            f"A checkpoint must be of the model at hand, with {len(expected)} variables. "
            f"Received: step={checkpoint.step} with {len(shapes)} variables and {len(averages)} averages",
            "Look at it with the version that made it.",
            exit_status=2,
        )
    if averages:
        return averages[:-1]
    places = {id(variable): index for index, variable in enumerate(variables)}
    return [own[places[id(variable)]] for variable in trainable]


def _part(checkpoint: Checkpoint, part: str) -> list[NDArray[Any]]:
    found = {}
    for name, value in checkpoint.tensors.items():
        kind, _, rest = name.partition("/")
        if kind == part:
            found[int(rest.partition(":")[0])] = np.asarray(value)
    return [found[index] for index in sorted(found)]
