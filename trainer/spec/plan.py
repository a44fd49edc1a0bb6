"""The model and the training loop as one record each, for every task."""

from __future__ import annotations

import dataclasses
from typing import Literal

from trainer.spec.codistillation import CodistillationSpec
from trainer.spec.record import Record
from trainer.spec.sequence import SequenceModelSpec, SequenceTrainSpec
from trainer.spec.tabular import DeepSpec, LinearSpec, WideSpec


@dataclasses.dataclass(frozen=True)
class ModelSpec(Record):
    """Both parts of Wide & Deep and the linear model beside them; for a sequence task, its own record."""

    wide: WideSpec = dataclasses.field(default_factory=WideSpec)
    deep: DeepSpec = dataclasses.field(default_factory=DeepSpec)
    linear: LinearSpec = dataclasses.field(default_factory=LinearSpec)
    sequence: SequenceModelSpec | None = None


@dataclasses.dataclass(frozen=True)
class EarlyStoppingSpec(Record):
    """When to stop. Fields as in `train.early_stopping` of the configuration."""

    enabled: bool = True
    patience: int = 3
    min_delta: float = 0.0


@dataclasses.dataclass(frozen=True)
class BiTemperedSpec(Record):
    """Temperatures of the bi-tempered loss. Fields as in `train.bi_tempered` of the configuration."""

    t1: float = 0.8
    t2: float = 1.2
    label_smoothing: float = 0.0
    ramp: float = 0.0


@dataclasses.dataclass(frozen=True)
class TrainSpec(Record):
    """The training loop. Fields as in `train` of the configuration."""

    batch_size: int = 512
    epochs: float = 5.0
    evaluations_per_epoch: int = 2
    seed: int = 1
    early_stopping: EarlyStoppingSpec = EarlyStoppingSpec()
    learning_rate_decay: Literal["none", "linear", "cosine", "cool_down"] = "none"
    weight_averaging: float = 0.0
    calibrate: bool = False
    loss: Literal["auto", "bi_tempered"] = "auto"
    bi_tempered: BiTemperedSpec = BiTemperedSpec()
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    checkpoint_every_steps: int = 500
    warm_start: Literal["none", "keep", "decay", "reset"] = "none"
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    jit_compile: bool | None = None
    sequence: SequenceTrainSpec | None = None
    codistillation: CodistillationSpec | None = None
