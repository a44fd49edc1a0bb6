"""Transformed examples in files, as batches in a reproducible order."""

from trainer.data.batches import Batch, Block, evaluation_blocks, training_blocks
from trainer.data.labels import LabelAccumulator, LabelStatistics, prior_logits
from trainer.data.order import TrainingOrder
from trainer.data.split import DEFAULT_MEMORY_BYTES, Split, open_split

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "Batch",
    "Block",
    "LabelAccumulator",
    "LabelStatistics",
    "Split",
    "TrainingOrder",
    "evaluation_blocks",
    "open_split",
    "prior_logits",
    "training_blocks",
]
