"""Where things lie inside the outputs of a training, apart from what the trainer puts there."""

from __future__ import annotations

READING = "assets.extra/reading.json"
"""In the model, how the files were read that it learned from: `delimiter` and `null_values`."""

CHECKPOINTS = "checkpoints.txt"
"""In the model run, the name of the training's own directory below `checkpoint_root`."""

SPEC = "spec.json"
"""Among the checkpoints, the `trainer.loop.RunSpec` of the training, written before it begins."""
