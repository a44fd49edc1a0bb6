"""Losses of one example each, and the weight of each class in them."""

from trainer.losses.class_weights import class_weight_vector
from trainer.losses.per_example import (
    binary_crossentropy,
    for_task,
    softmax_crossentropy,
    squared_error,
)

__all__ = [
    "binary_crossentropy",
    "class_weight_vector",
    "for_task",
    "softmax_crossentropy",
    "squared_error",
]
