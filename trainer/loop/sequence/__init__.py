"""Training of sequences: a loss for each unit, batches by length, a second task, decoding on the way."""

from trainer.loop.sequence.program import run_sequences
from trainer.loop.sequence.training import SequenceResult, train_sequences

__all__ = ["SequenceResult", "run_sequences", "train_sequences"]
