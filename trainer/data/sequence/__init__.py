"""Sequences in memory, their buckets by length, and batches in a reproducible order."""

from trainer.data.sequence.batches import SequenceBatch, evaluation_batches, training_batches
from trainer.data.sequence.buckets import Bucket, choose_buckets
from trainer.data.sequence.order import BucketOrder
from trainer.data.sequence.table import SequenceStatistics, SequenceTable, open_sequences

__all__ = [
    "Bucket",
    "BucketOrder",
    "SequenceBatch",
    "SequenceStatistics",
    "SequenceTable",
    "choose_buckets",
    "evaluation_batches",
    "open_sequences",
    "training_batches",
]
