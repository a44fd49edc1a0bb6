"""The training loop: steps, evaluations, early stopping, calibration, checkpoints."""

from trainer.loop.program import RunSpec, run
from trainer.loop.progress import Heartbeat, Progress
from trainer.loop.training import TrainResult, train

__all__ = ["Heartbeat", "Progress", "RunSpec", "TrainResult", "run", "train"]
