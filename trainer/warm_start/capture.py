"""Taking a trained model apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from numpy.typing import NDArray

from trainer.models import deep_inputs, dense_layers
from trainer.spec import FeatureSpec
from trainer.warm_start.state import Inputs, WarmState, name_of, rows_of


def capture(
    model: keras.Model,
    features: FeatureSpec,
    meaning: Inputs,
    slots: Sequence[Mapping[str, NDArray[Any]]],
) -> WarmState:
    """The state that the next training may start from.

    Args:
        model: made by `build_wide_deep`, with the weights that are exported.
        features: the columns it was made with.
        meaning: tokens, encodings and label units.
        slots: of each variable of `model.trainable_variables`, by name. They are those of the last step,
            which is later than that of the weights when an earlier evaluation was the best.
    """
    variables = model.trainable_variables
    return WarmState(
        features.task,
        features.classes,
        tuple(rows_of(model, features)),
        meaning,
        tuple(deep_inputs(model, features)),
        tuple(layer.name for layer in dense_layers(model)),
        {name_of(variable): variable.numpy() for variable in variables},
        {name_of(variable): dict(values) for variable, values in zip(variables, slots, strict=True)},
    )
