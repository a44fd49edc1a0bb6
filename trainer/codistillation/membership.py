"""What makes a training a replica of a group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.codistillation.companion import Companion
from trainer.codistillation.exchange import Exchange
from trainer.codistillation.peers import Peers
from trainer.codistillation.seeds import replica_seed
from trainer.codistillation.shards import shard_rows
from trainer.codistillation.teacher import Teacher
from trainer.codistillation.teaching import Teaching
from trainer.errors import TandemError
from trainer.spec import CodistillationSpec, ReplicaSpec, TrainSpec


@dataclasses.dataclass(frozen=True)
class Membership:
    """A replica among those of its group.

    Args:
        spec: what the whole group is told.
        replica: which one this is.
        group_seed: int. Seed of the group.
    """

    spec: CodistillationSpec
    replica: ReplicaSpec
    group_seed: int

    @classmethod
    def of(cls, plan: TrainSpec, replica: ReplicaSpec | None) -> Membership | None:
        """The membership of a training; None of a single one.

        Raises:
            TandemError: `CODIST-020` if only one of the two is given, or the replica is none of the group.
        """
        spec = plan.codistillation
        if spec is None and replica is None:
            return None
        if spec is None or replica is None or replica.index >= spec.replicas:
            raise TandemError(
                "CODIST-020",
                "A replica needs train.codistillation, that needs a replica, and its index must be below "
                f"replicas. Received: replicas={spec.replicas if spec else None}, "
                f"replica={replica.index if replica else None}",
                "Give each training of the group its number as `replica`, or leave both out.",
                exit_status=2,
            )
        return cls(spec, replica, plan.seed)

    @property
    def seed(self) -> int:
        """Of initial weights, order and dropout of this replica."""
        return replica_seed(self.group_seed, self.replica.index)

    def rows(self, rows: int) -> NDArray[np.int64] | None:
        """Which of so many training rows this replica sees, see `shard_rows`."""
        spec = self.spec
        return shard_rows(rows, spec.replicas, self.replica.index, spec.shared_data, self.group_seed)

    def teacher(self, build: Callable[[], keras.Model], steps: int) -> Teacher:
        """The peers' models, made by `build`, and their weight in a training of so many planned steps."""
        others = [index for index in range(self.spec.replicas) if index != self.replica.index]
        return Teacher(Peers(build, others), Teaching.of(self.spec, steps))

    def companion(
        self,
        teacher: Teacher,
        steps: int,
        model: keras.Model,
        run_dir: Path,
        teaches: Callable[[int], bool] = lambda _: True,
    ) -> Companion:
        """What the loop calls; it joins the exchange when the loop begins.

        Args:
            teacher: made by `teacher`.
            steps: int. Planned ones.
            model: the own one, whose trainable weights are published.
            run_dir: gets `progress.json`.
            teaches: whether peers have a say in the step after so many steps. Defaults to always.
        """
        spec, replica = self.spec, self.replica

        def connect() -> Exchange:
            return Exchange(replica.directory, replica.group, replica.index, spec.replicas, spec.transfer)

        names = [variable.path for variable in model.trainable_variables]
        peers, teaching = teacher.peers, teacher.teaching
        every = spec.every(steps)
        return Companion(
            spec, replica.index, every, peers, teaching, names, connect, run_dir, teaches=teaches
        )
