"""What trials are compared by: spreads, reductions, and the steps to a quality."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def spread(values: Sequence[float]) -> float:
    """The greatest less the least.

    Example:
        >>> spread([3.0, 1.0, 2.0])
        2.0
    """
    return max(values) - min(values)


def reduction(own: float, other: float) -> float:
    """How much less than the other, in percent of that; below 0 if it is more.

    Example:
        >>> reduction(0.75, 1.0)
        25.0
    """
    return 100.0 * (1.0 - own / other)


def final_loss(history: Sequence[Mapping[str, Any]]) -> float:
    """Validation loss of the last evaluation.

    Args:
        history: entries of `history.json`.

    Raises:
        SystemExit: if nothing was evaluated.
    """
    losses = [entry["validation_loss"] for entry in history]
    if not losses or losses[-1] is None:
        raise SystemExit("expected a training with a validation split. Raise data.limit in --set.")
    return float(losses[-1])


def steps_to(history: Iterable[Mapping[str, Any]], loss: float) -> int | None:
    """Steps of the first evaluation whose validation loss is as low, None if none is.

    Args:
        history: entries of `history.json`.
        loss: float.

    Example:
        >>> history = [{"step": 10, "validation_loss": 0.7}, {"step": 20, "validation_loss": 0.5}]
        >>> steps_to(history, 0.6), steps_to(history, 0.4)
        (20, None)
    """
    for entry in history:
        if entry["validation_loss"] is not None and entry["validation_loss"] <= loss:
            return int(entry["step"])
    return None


def share_of_steps(reached: Sequence[int | None], steps: Sequence[int]) -> tuple[float | None, int]:
    """Steps to a quality as a mean share of all steps, over the trials that reached it, and how many did.

    Args:
        reached: as `steps_to` gives them.
        steps: of the trainings whose quality is to be reached.

    Example:
        >>> share_of_steps([50, None, 100], [100, 100, 100])
        (0.75, 2)
    """
    shares = [at / all_ for at, all_ in zip(reached, steps, strict=True) if at is not None]
    return (statistics.fmean(shares) if shares else None), len(shares)


def per_peer(alone: float, values: Mapping[int, float]) -> dict[int, float]:
    """How much each further replica adds: what a replica needs beyond a single training, by peer.

    Args:
        alone: of a single training.
        values: of one replica, by the number of replicas.

    Example:
        >>> per_peer(10.0, {2: 14.0, 4: 25.0})
        {2: 4.0, 4: 5.0}
    """
    return {count: (value - alone) / (count - 1) for count, value in values.items() if count > 1}
