"""Seeds of the replicas of a group."""

from __future__ import annotations

import numpy as np


def replica_seed(seed: int, index: int) -> int:
    """The seed of a replica's initial weights, order and dropout.

    Replica 0 keeps the seed, so that without teaching it is the single training.

    Args:
        seed: int, at least 0. That of the group.
        index: int, at least 0. The replica.

    Returns:
        `seed` for replica 0, an int in `[0, 2**31)` otherwise.

    Example:
        >>> replica_seed(1, 0), replica_seed(1, 1) == replica_seed(1, 2)
        (1, False)
    """
    if index == 0:
        return seed
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint32)[0] >> 1)
