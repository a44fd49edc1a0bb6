"""Everything that the next step depends on, to and from a checkpoint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.checkpoints import Checkpoint
from trainer.codistillation.companion import Companion
from trainer.data import LabelStatistics
from trainer.data.sequence import SequenceStatistics
from trainer.errors import TandemError
from trainer.loop.averaging import WeightAverage
from trainer.loop.stopping import EarlyStopping
from trainer.optimizers import slots
from trainer.spec import FeatureSpec, ModelSpec, SequenceFeatureSpec, TrainSpec

Weights = list[NDArray[Any]]


def identity(
    features: FeatureSpec | SequenceFeatureSpec,
    model: ModelSpec,
    plan: TrainSpec,
    statistics: Sequence[LabelStatistics | SequenceStatistics | None],
    origin: str,
    batch: int,
    replica: int | None = None,
) -> str:
    """A digest of what the weights depend on; a checkpoint of another training is told apart by it.

    `batch` is what became of the batch size: it is a multiple of the number of devices. `replica` tells those
    of a group apart.
    """
    # Once through `from_json`, so that 3 and 3.0 are the same.
    told = TrainSpec.from_json(plan.to_json()).to_json()
    del told["checkpoint_every_steps"]
    group = told.pop("codistillation")
    content = [
        features.to_json(),
        ModelSpec.from_json(model.to_json()).to_json(),
        told,
        *(split.to_json() if split else None for split in statistics),
        origin,
        batch,
    ]
    if group is not None:
        del group["launch"], group["max_staleness_steps"]
        content += [group, replica]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclasses.dataclass
class State:
    """The moving parts of a training.

    Args:
        identity: of the training.
        model: with its random generators among the variables.
        optimizer: with its slots and counters.
        average: averaged weights.
        stopping: early-stopping state.
        step: int. Steps done. Defaults to `0`.
        best: weights of the best evaluation, or None. Defaults to `None`.
        history: one entry for each evaluation. Defaults to empty.
        losses: training losses since the last evaluation. Defaults to empty.
        seconds: float. Time spent so far, over all attempts. Defaults to `0.0`.
        counts: what was trained on so far, by name: `examples` and others. Defaults to empty.
        finished: bool. No step is left. Defaults to `False`.
        begun: report of a warm start, or None. Defaults to `None`.
        companion: of a replica; its counts are kept. Defaults to `None`.
    """

    identity: str
    model: keras.Model
    optimizer: Any
    average: WeightAverage
    stopping: EarlyStopping
    step: int = 0
    best: Weights | None = None
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    losses: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    finished: bool = False
    begun: dict[str, Any] | None = None
    companion: Companion | None = None

    def weights(self) -> Weights:
        """The weights to evaluate and export: averages where they are kept."""
        with self.average.applied():
            # `numpy` copies already, but makes no array of a scalar.
            return [np.asarray(variable.numpy()) for variable in self.model.trainable_variables]

    def slots(self) -> list[dict[str, NDArray[Any]]]:
        """Copies of the optimizer's slots of each trainable variable, by name."""
        return [
            {name: np.asarray(slot.numpy()) for name, slot in slots(self.optimizer, variable).items()}
            for variable in self.model.trainable_variables
        ]

    def _variables(self) -> dict[str, Sequence[keras.Variable]]:
        return {
            "model": self.model.variables,
            "optimizer": self.optimizer.variables,
            "average": self.average.variables,
        }

    def checkpoint(self) -> Checkpoint:
        """A copy of the state."""
        tensors = {
            f"{part}/{index}:{variable.path}": variable.numpy()
            for part, variables in self._variables().items()
            for index, variable in enumerate(variables)
        }
        tensors |= {f"best/{index}": value for index, value in enumerate(self.best or ())}
        meta = {
            "identity": self.identity,
            "stopping": self.stopping.state(),
            "history": self.history,
            "losses": self.losses,
            "seconds": self.seconds,
            "counts": self.counts,
            "finished": self.finished,
            "begun": self.begun,
        }
        if self.companion is not None:
            meta["codistillation"] = self.companion.state()
        return Checkpoint(self.step, tensors, meta)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Takes over a checkpoint.

        Raises:
            TandemError: `TRAIN-203` if it belongs to another training.
        """
        targets = {
            f"{part}/{index}:{variable.path}": variable
            for part, variables in self._variables().items()
            for index, variable in enumerate(variables)
        }
        found = {
            name: tuple(value.shape)
            for name, value in checkpoint.tensors.items()
            if not name.startswith("best/")
        }
        expected = {name: tuple(variable.shape) for name, variable in targets.items()}
        if checkpoint.meta["identity"] != self.identity or found != expected:
            raise TandemError(
                "TRAIN-203",
                "A checkpoint must belong to this training. Received: one made with other data, features or "
                f"settings, step={checkpoint.step}",
                "Give another checkpoint directory, or delete this one to start anew.",
                exit_status=2,
            )
        for name, variable in targets.items():
            variable.assign(checkpoint.tensors[name])
        best = [name for name in checkpoint.tensors if name.startswith("best/")]
        self.best = [np.array(checkpoint.tensors[f"best/{i}"]) for i in range(len(best))] if best else None
        self.step = checkpoint.step
        self.stopping.restore(checkpoint.meta["stopping"])
        self.history = list(checkpoint.meta["history"])
        self.losses = list(checkpoint.meta["losses"])
        self.seconds = checkpoint.meta["seconds"]
        self.counts = dict(checkpoint.meta["counts"])
        self.finished = checkpoint.meta["finished"]
        self.begun = checkpoint.meta["begun"]
        if self.companion is not None:
            self.companion.restore(checkpoint.meta["codistillation"])
