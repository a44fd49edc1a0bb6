"""The training loop: steps, evaluations, early stopping, calibration, checkpoints."""

from trainer.loop.program import run
from trainer.loop.progress import Heartbeat, Progress
from trainer.loop.run_spec import RunSpec
from trainer.loop.training import TrainResult, train

__all__ = ["Heartbeat", "Progress", "RunSpec", "TrainResult", "run", "train"]
