"""Losses of one example each, the probabilities they mean, and the weight of each class in them."""

from trainer.losses.bi_tempered import bi_tempered_binary_logistic_loss, bi_tempered_logistic_loss
from trainer.losses.class_weights import class_weight_vector
from trainer.losses.keras_losses import BinaryBiTempered, BiTempered
from trainer.losses.per_example import (
    binary_crossentropy,
    for_task,
    softmax_crossentropy,
    squared_error,
)
from trainer.losses.probabilities import (
    tempered_log_odds,
    tempered_log_softmax,
    tempered_sigmoid,
    tempered_softmax,
)
from trainer.losses.ramp import TemperatureRamp, temperatures
from trainer.losses.temperature import exp_t, log_t

__all__ = [
    "BiTempered",
    "BinaryBiTempered",
    "TemperatureRamp",
    "bi_tempered_binary_logistic_loss",
    "bi_tempered_logistic_loss",
    "binary_crossentropy",
    "class_weight_vector",
    "exp_t",
    "for_task",
    "log_t",
    "softmax_crossentropy",
    "squared_error",
    "temperatures",
    "tempered_log_odds",
    "tempered_log_softmax",
    "tempered_sigmoid",
    "tempered_softmax",
]
