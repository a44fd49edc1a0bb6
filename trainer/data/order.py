"""In which order rows are visited: a permutation for each epoch, and where a step lies in it."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class TrainingOrder:
    """Maps a step to an epoch and an offset, and an epoch to a permutation of the rows.

    Rows that do not fill a batch at the end of an epoch are left out; the next epoch's permutation leaves out
    others. With fewer rows than a batch, the batch shrinks to all rows.

    Args:
        rows: int, at least `replicas`. Rows of the split.
        batch_size: int, at least 1. Examples per step, over all replicas; rounded down to a multiple of them.
        seed: int, at least 0.
        replicas: int, at least 1. Devices that share a batch. Defaults to `1`.

    Raises:
        TandemError: `TRAIN-108` if there are fewer rows than replicas.

    Example:
        >>> order = TrainingOrder(rows=10, batch_size=4, seed=1)
        >>> order.steps_per_epoch, order.position(5)
        (2, (2, 1))
        >>> TrainingOrder(rows=3, batch_size=512, seed=1).batch
        3
    """

    rows: int
    batch_size: int
    seed: int
    replicas: int = 1

    def __post_init__(self) -> None:
        if min(self.rows, self.batch_size) < self.replicas:
            raise TandemError(
                "TRAIN-108",
                "A batch must hold at least one row for each device. "
                f"Received: rows={self.rows}, batch_size={self.batch_size}, devices={self.replicas}",
                "Set train.device to cpu, or give more rows.",
                exit_status=2,
            )

    @property
    def batch(self) -> int:
        """Examples in each step, after shrinking."""
        return min(self.rows, self.batch_size) // self.replicas * self.replicas

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass, at least 1."""
        return self.rows // self.batch

    def steps(self, epochs: float) -> int:
        """Steps in `epochs` passes, at least 1."""
        return max(1, round(epochs * self.steps_per_epoch))

    def position(self, step: int) -> tuple[int, int]:
        """Epoch and batch within it that come after `step` steps."""
        return divmod(step, self.steps_per_epoch)

    def epoch_seed(self, epoch: int) -> int:
        """A 63-bit seed for one epoch."""
        return int(np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)[0] >> 1)

    def permutation(self, epoch: int) -> NDArray[np.int64]:
        """The order of all rows in `epoch`, int64 `(rows,)`."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)
