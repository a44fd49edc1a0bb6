"""Transformed examples in files, as batches in a reproducible order."""

from trainer.data.batches import Batch, Block, evaluation_blocks, training_blocks
from trainer.data.labels import LabelStatistics, prior_logits
from trainer.data.order import TrainingOrder
from trainer.data.split import DEFAULT_MEMORY_BYTES, Split, open_split

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "Batch",
    "Block",
    "LabelStatistics",
    "Split",
    "TrainingOrder",
    "evaluation_blocks",
    "open_split",
    "prior_logits",
    "training_blocks",
]
