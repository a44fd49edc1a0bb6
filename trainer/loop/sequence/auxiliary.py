"""A second task that shares the layers: which steps are its, and what it makes of a batch."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import tensorflow as tf

from trainer.errors import TandemError
from trainer.spec import AuxiliarySpec, SequenceFeatureSpec


@dataclasses.dataclass(frozen=True)
class Auxiliary:
    """Steps of a second task among those of the first, in shares that change along a line.

    Of the first `n` steps, `floor(sum of the shares of these steps)` are of the second task: the schedule
    draws nothing, so a resumed training takes the same steps. A step of the second task takes the batch that
    was due.

    Args:
        spec: the task and its shares.
        steps: int, at least 1. Planned steps.

    Example:
        >>> auxiliary = Auxiliary(AuxiliarySpec("language_model", start=0.5, end=0.5), 6)
        >>> [auxiliary.takes(step) for step in range(6)]
        [False, True, False, True, False, True]
    """

    spec: AuxiliarySpec
    steps: int

    def _taken(self, steps: int) -> int:
        start, end = self.spec.start, self.spec.end
        # The share of step i is that of its middle, i + 1/2.
        total = start * steps + (end - start) * steps * steps / (2 * self.steps)
        return math.floor(total + 1e-9)

    def takes(self, step: int) -> bool:
        """Whether the step after `step` steps is of the second task."""
        return self.spec.task != "none" and self._taken(step + 1) > self._taken(step)

    def batch(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """The batch as the second task sees it.

        `language_model`: the target is predicted from itself alone, the source being one position of padding.
        `reconstruct`: source and target change places.
        """
        if self.spec.task == "reconstruct":
            changed = {"source_ids": arrays["target_ids"], "target_ids": arrays["source_ids"]}
        else:
            changed = {"source_ids": tf.zeros_like(arrays["source_ids"][:, :1])}
        return {**arrays, **changed}


def check_auxiliary(spec: AuxiliarySpec, features: SequenceFeatureSpec) -> None:
    """Refuses a second task that the features do not allow.

    Raises:
        TandemError: `TRAIN-512` if there is no source, or if `reconstruct` has two vocabularies.
    """
    if spec.task == "none":
        return
    source = features.source
    if source is None or (spec.task == "reconstruct" and source.units != features.target.units):
        raise TandemError(
            "TRAIN-512",
            "train.sequence.auxiliary.task needs a source, and reconstruct the same units on both sides. "
            f"Received: task={spec.task}, source={len(source.units) if source else 0} units, "
            f"target={len(features.target.units)} units",
            "Set train.sequence.auxiliary.task to none or language_model, or share one vocabulary.",
            exit_status=2,
        )
