"""Which replica's model becomes the model of the group."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A replica that has finished.

    Args:
        index: int, from 0.
        validation_loss: float or None. Of the weights that it exported; None without a validation split.
        training_loss: float or None. The last one; None if no step of it is known.
    """

    index: int
    validation_loss: float | None
    training_loss: float | None


def choose(candidates: Sequence[Candidate]) -> int:
    """The replica with the least validation loss, or without validation with the least last training loss.

    Equal ones go to the lower index. A loss that is absent or not finite loses against every other.

    Args:
        candidates: at least one.

    Returns:
        Its index.

    Example:
        >>> choose([Candidate(0, 0.5, 0.1), Candidate(1, 0.4, 0.9), Candidate(2, 0.4, 0.0)])
        1
        >>> choose([Candidate(0, None, 0.3), Candidate(1, None, 0.2)])
        1
    """
    return min(candidates, key=_key).index


def _key(candidate: Candidate) -> tuple[float, float, int]:
    validation, training = _finite(candidate.validation_loss), _finite(candidate.training_loss)
    return (validation, 0.0 if validation < math.inf else training, candidate.index)


def _finite(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else math.inf
