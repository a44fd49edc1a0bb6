"""Checkpoints from which a killed training continues as if nothing had happened."""

from trainer.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from trainer.checkpoints.store import CheckpointStore, checkpoints_in, discard, read_if_whole

__all__ = [
    "Checkpoint",
    "CheckpointStore",
    "checkpoints_in",
    "discard",
    "read_checkpoint",
    "read_if_whole",
    "write_checkpoint",
]
