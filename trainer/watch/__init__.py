"""A training's checkpoints as models that answer, without an export."""

from trainer.watch.loss import SplitLoss
from trainer.watch.watched import Watched
from trainer.watch.weights import exported_weights

__all__ = ["SplitLoss", "Watched", "exported_weights"]
