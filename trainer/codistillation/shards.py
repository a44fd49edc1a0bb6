"""Which rows of the training split a replica sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TandemError

_STREAM = 2
"""Tells this draw apart from those of epochs, which begin with the same seed."""


def shard_rows(
    rows: int, replicas: int, index: int, shared_data: float, seed: int
) -> NDArray[np.int64] | None:
    """The rows of a replica: those that all see, and its part of the rest.

    Which rows are shared and how the rest is dealt is drawn once for the group; the parts differ by at most
    one row.

    Args:
        rows: int, at least 1. Rows of the split.
        replicas: int, at least 1. Replicas of the group.
        index: int in `[0, replicas)`. The replica.
        shared_data: float in `[0, 1]`. Share of the rows that all see.
        seed: int, at least 0. That of the group.

    Returns:
        int64, ascending; None for all rows.

    Raises:
        TandemError: `CODIST-021` if nothing is left for the replica.

    Example:
        >>> parts = [shard_rows(10, 2, index, 0.2, seed=1) for index in (0, 1)]
        >>> [len(part) for part in parts], len(np.intersect1d(*parts)), len(np.union1d(*parts))
        ([6, 6], 2, 10)

    Reference: Anil et al., 2018, arXiv:1804.03235, section 3.4: disjoint data beat the same data.
    """
    if shared_data == 1:
        return None
    shared = round(shared_data * rows)
    # One byte for each row: the replica that owns it, or their number for all.
    owners = np.full(rows, replicas, np.uint8)
    for replica in range(replicas):
        owners[shared + replica :: replicas] = replica
    np.random.default_rng([seed, replicas, _STREAM]).shuffle(owners)
    found = np.flatnonzero((owners == replicas) | (owners == index))
    if not len(found):
        raise TandemError(
            "CODIST-021",
            "Every replica needs rows of the training split. "
            f"Received: rows={rows}, replicas={replicas}, shared_data={shared_data}",
            "Raise train.codistillation.shared_data, lower replicas, or give more rows.",
            exit_status=2,
        )
    return found
