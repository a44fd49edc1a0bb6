"""What wrong labels do to a model: training on labels flipped on purpose, judged on true ones."""

from trainer.noise.flips import flip, flipped
from trainer.noise.measures import measure
from trainer.noise.trials import LOGISTIC, Clean, Loss, Trial, transformed, try_out

__all__ = [
    "LOGISTIC",
    "Clean",
    "Loss",
    "Trial",
    "flip",
    "flipped",
    "measure",
    "transformed",
    "try_out",
]
