"""Optimizers whose step touches only the table rows of the batch."""

from trainer.optimizers.adagrad import AdaGrad
from trainer.optimizers.ftrl import FTRL
from trainer.optimizers.per_part import PerPart, build_optimizer, learning_rates, slots

__all__ = ["FTRL", "AdaGrad", "PerPart", "build_optimizer", "learning_rates", "slots"]
