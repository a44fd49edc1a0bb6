"""Optimizers for tables, whose step touches only the rows of the batch, and for sequences."""

from trainer.optimizers.adagrad import AdaGrad
from trainer.optimizers.adam import Adam
from trainer.optimizers.ftrl import FTRL
from trainer.optimizers.per_part import PerPart, build_optimizer, learning_rates, slots
from trainer.optimizers.schedules import CoolDown, InverseRoot, WarmUp, schedule
from trainer.optimizers.sequence import build_sequence_optimizer
from trainer.optimizers.sm3 import SM3
from trainer.optimizers.state import state_bytes, state_of_others

__all__ = [
    "FTRL",
    "SM3",
    "AdaGrad",
    "Adam",
    "CoolDown",
    "InverseRoot",
    "PerPart",
    "WarmUp",
    "build_optimizer",
    "build_sequence_optimizer",
    "learning_rates",
    "schedule",
    "slots",
    "state_bytes",
    "state_of_others",
]
