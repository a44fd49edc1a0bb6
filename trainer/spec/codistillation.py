"""What a replica is told of codistillation: how it teaches, what it exchanges, and which one it is."""

from __future__ import annotations

import dataclasses
from typing import Literal

from trainer.spec.record import Record, wrong

MOST_REPLICAS = 16
PUBLICATIONS, MOST_STEPS_APART = 100, 250
"""Of a training whose steps between publications nobody has set."""


@dataclasses.dataclass(frozen=True)
class LaunchSpec(Record):
    """How the replicas are started and watched. Fields as in `train.codistillation.launch`.

    Args:
        directory: str or None. Holds the exchange and the checkpoints of the replicas: a path that every
            replica sees, or `gs://`; None is beside the checkpoints. Defaults to `None`.
        restarts: int in `[0, 100]`. Most restarts of each replica. Defaults to `3`.
        stall_seconds: float above 0. A replica without progress for so long is stopped and started again.
            Defaults to `600.0`.
        patience: float, at least 0. Once a replica has finished the others may take this share of its time
            more, then they are stopped. Defaults to `0.5`.
    """

    directory: str | None = None
    restarts: int = 3
    stall_seconds: float = 600.0
    patience: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.restarts <= 100:
            raise wrong("LaunchSpec.restarts", "in [0, 100]", self.restarts)
        if not 0 < self.stall_seconds < float("inf"):
            raise wrong("LaunchSpec.stall_seconds", "above 0 and finite", self.stall_seconds)
        if not 0 <= self.patience < float("inf"):
            raise wrong("LaunchSpec.patience", "at least 0 and finite", self.patience)


@dataclasses.dataclass(frozen=True)
class CodistillationSpec(Record):
    """Codistillation. Fields as in `train.codistillation` of the configuration.

    Args:
        replicas: int in `[2, 16]`. Models that are trained together. Defaults to `2`.
        weight: float above 0. Weight of the teaching term, once it has risen. Defaults to `1.0`.
        burn_in: float in `[0, 1)`. Share of the planned steps before a replica is taught, and before it
            teaches. Defaults to `0.1`.
        ramp: float in `[0, 1)`. Share of the planned steps after those, in which the weight rises from 0 in a
            line. Defaults to `0.1`.
        exchange_every_steps: int, at least 1, or None. Steps between two publications. Defaults to `None`:
            see `every`.
        max_staleness_steps: int, at least 1. Weights of a peer that are more than so many steps behind the
            replica teach no more. Defaults to `5000`.
        shared_data: float in `[0, 1]`. Share of the training rows that every replica sees; the rest is
            divided disjointly among them. Defaults to `1.0`.
        transfer: type in which weights are exchanged. Defaults to `float32`.
        launch: of the replicas. Defaults to `LaunchSpec()`.

    Reference: Anil et al., 2018, arXiv:1804.03235, Algorithm 1.
    """

    replicas: int = 2
    weight: float = 1.0
    burn_in: float = 0.1
    ramp: float = 0.1
    exchange_every_steps: int | None = None
    max_staleness_steps: int = 5000
    shared_data: float = 1.0
    transfer: Literal["float32", "float16", "bfloat16"] = "float32"
    launch: LaunchSpec = LaunchSpec()

    def __post_init__(self) -> None:
        if not 2 <= self.replicas <= MOST_REPLICAS:
            raise wrong("CodistillationSpec.replicas", f"in [2, {MOST_REPLICAS}]", self.replicas)
        if not 0 < self.weight < float("inf"):
            raise wrong("CodistillationSpec.weight", "above 0 and finite", self.weight)
        for name in ("burn_in", "ramp"):
            if not 0 <= getattr(self, name) < 1:
                raise wrong(f"CodistillationSpec.{name}", "in [0, 1)", getattr(self, name))
        for name in ("exchange_every_steps", "max_staleness_steps"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise wrong(f"CodistillationSpec.{name}", "at least 1", value)
        if not 0 <= self.shared_data <= 1:
            raise wrong("CodistillationSpec.shared_data", "in [0, 1]", self.shared_data)

    def every(self, steps: int) -> int:
        """Steps between two publications in a training of so many planned steps.

        Without `exchange_every_steps` a hundredth of them, at least 1, and at most 250 and
        `max_staleness_steps`.

        Example:
            >>> [CodistillationSpec().every(steps) for steps in (20, 956, 1_000_000)]
            [1, 9, 250]
        """
        if self.exchange_every_steps is not None:
            return self.exchange_every_steps
        return max(1, min(steps // PUBLICATIONS, MOST_STEPS_APART, self.max_staleness_steps))


@dataclasses.dataclass(frozen=True)
class ReplicaSpec(Record):
    """Which replica of which group a training is.

    Args:
        index: int in `[0, replicas)`.
        group: name of the group; the exchange takes no part in two of them.
        directory: of the exchange: a path that every replica sees, or `gs://`.
    """

    index: int
    group: str
    directory: str

    def __post_init__(self) -> None:
        if not 0 <= self.index < MOST_REPLICAS:
            raise wrong("ReplicaSpec.index", f"in [0, {MOST_REPLICAS})", self.index)
