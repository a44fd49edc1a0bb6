"""When to stop, and which weights were best."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class EarlyStopping:
    """Follows the validation loss; lower is better.

    Args:
        patience: int, at least 1. Evaluations in a row without improvement after which training stops.
        min_delta: float, at least 0. Least fall of the loss that counts as improvement.
        best_loss: float or None. Lowest loss so far. Defaults to `None`.
        best_step: int. Step of the lowest loss. Defaults to `0`.
        waited: int. Evaluations since the last improvement. Defaults to `0`.

    Example:
        >>> stopping = EarlyStopping(patience=2, min_delta=0.0)
        >>> [stopping.update(step, loss) for step, loss in enumerate([3.0, 2.0, 2.5, 2.0])]
        [True, True, False, False]
        >>> stopping.stop, stopping.best_step
        (True, 1)
    """

    patience: int
    min_delta: float
    best_loss: float | None = None
    best_step: int = 0
    waited: int = 0

    def update(self, step: int, loss: float) -> bool:
        """Takes in an evaluation and returns whether it is the best so far."""
        if self.best_loss is None or loss < self.best_loss - self.min_delta:
            self.best_loss, self.best_step, self.waited = loss, step, 0
            return True
        self.waited += 1
        return False

    @property
    def stop(self) -> bool:
        """Whether the patience is used up."""
        return self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best_loss": self.best_loss, "best_step": self.best_step, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned."""
        self.best_loss, self.best_step = state["best_loss"], state["best_step"]
        self.waited = state["waited"]
