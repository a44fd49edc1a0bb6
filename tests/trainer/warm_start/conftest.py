"""Small trained models with vocabularies that differ, by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.models import build_wide_deep
from trainer.optimizers import PerPart, build_optimizer, slots
from trainer.spec import Column, DeepSpec, FeatureSpec, ModelSpec, WideSpec
from trainer.warm_start import Inputs, WarmState, capture

OOV = 2
MODEL = ModelSpec(WideSpec(l1=0.02), DeepSpec(hidden=(6, 5), dropout=0.0))


def features(tokens: Sequence[str], hashed: int = 5, dim: int = 4, **changes: Any) -> FeatureSpec:
    """A vocabulary with two buckets of unknown values, a hashed column and two dense inputs."""
    size = len(tokens) + OOV + 1
    spec = FeatureSpec(
        task="binary",
        num_classes=1,
        classes=("no", "yes"),
        wide=(Column("hash", hashed), Column("carrier", size, None, "carrier")),
        deep=(Column("carrier", size, dim, "carrier"), Column("hash", hashed, 3)),
        dense=("distance", "delay"),
    )
    return dataclasses.replace(spec, **changes)


@dataclasses.dataclass
class Fitted:
    """A model with its optimizer and what its ids mean."""

    features: FeatureSpec
    model: keras.Model
    optimizer: PerPart
    meaning: Inputs

    def state(self) -> WarmState:
        taken = [
            {name: slot.numpy() for name, slot in slots(self.optimizer, variable).items()}
            for variable in self.model.trainable_variables
        ]
        return capture(self.model, self.features, self.meaning, taken)

    def variable(self, name: str) -> keras.Variable:
        return next(v for v in self.model.trainable_variables if v.path.endswith(name))

    def slot(self, name: str, slot: str) -> np.ndarray:
        return slots(self.optimizer, self.variable(name))[slot].numpy()

    def logits(self, carriers: Sequence[int], hashed: Sequence[int], dense: np.ndarray) -> np.ndarray:
        carrier, other = np.asarray(carriers), np.asarray(hashed)
        inputs = {
            "wide_ids": np.stack([other, carrier], 1),
            "deep_ids": np.stack([carrier, other], 1),
            "dense": dense.astype(np.float32),
        }
        return self.model({name: inputs[name] for name in self.model.input}).numpy()

    def steps(self, count: int, seed: int = 0) -> None:
        """Training steps on random rows; weights of ids that never come stay at their start."""
        rng, size = np.random.default_rng(seed), self.features.wide[1].size
        variables = self.model.trainable_variables
        for _ in range(count):
            carrier, other = rng.integers(0, size, 16), rng.integers(0, self.features.wide[0].size, 16)
            dense = rng.normal(size=(16, len(self.features.dense))).astype(np.float32)
            inputs = {
                "wide_ids": np.stack([other, carrier], 1),
                "deep_ids": np.stack([carrier, other], 1),
                "dense": dense,
            }
            label = (carrier % 2 + dense[:, 0] > 0.5).astype(np.float32)[:, None]
            with tf.GradientTape() as tape:
                logits = self.model({name: inputs[name] for name in self.model.input}, training=True)
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(label, logits))
            gradients = tape.gradient(loss, [variable.value for variable in variables])
            self.optimizer.apply(gradients, variables)


def fitted(
    tokens: Sequence[str],
    steps: int = 0,
    seed: int = 1,
    model: ModelSpec = MODEL,
    spec: FeatureSpec | None = None,
    **meaning: Any,
) -> Fitted:
    spec = spec or features(tokens)
    network = build_wide_deep(spec, model, seed)
    optimizer = build_optimizer(network, model.wide, model.deep)
    made = Fitted(spec, network, optimizer, Inputs({"carrier": list(tokens)}, **meaning))
    made.steps(steps)
    return made


@pytest.fixture(scope="session")
def fit() -> Callable[..., Fitted]:
    return fitted


@pytest.fixture(scope="session")
def spec_of() -> Callable[..., FeatureSpec]:
    return features
