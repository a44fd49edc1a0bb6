"""Optimizers whose step touches only the table rows of the batch."""

from trainer.optimizers.adagrad import AdaGrad
from trainer.optimizers.ftrl import FTRL
from trainer.optimizers.per_part import PerPart, build_optimizer, learning_rates, slots
from trainer.optimizers.schedules import CoolDown, WarmUp, schedule
from trainer.optimizers.sm3 import SM3
from trainer.optimizers.state import state_bytes, state_of_others

__all__ = [
    "FTRL",
    "SM3",
    "AdaGrad",
    "CoolDown",
    "PerPart",
    "WarmUp",
    "build_optimizer",
    "learning_rates",
    "schedule",
    "slots",
    "state_bytes",
    "state_of_others",
]
