"""One training on flipped labels, judged on clean ones."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.data import Split
from trainer.data.records import serialized_examples
from trainer.export import TransformGraph
from trainer.export.head import link
from trainer.loop.training import train
from trainer.models import build_wide_deep
from trainer.noise.flips import flipped
from trainer.noise.measures import auc, measure
from trainer.spec import BiTemperedSpec, FeatureSpec, ModelSpec, Record, TrainSpec

BATCH_ROWS = 4096
VALIDATION_SEED = 1 << 20
"""Added to the seed of a trial, for labels of the validation split."""


@dataclasses.dataclass(frozen=True)
class Loss(Record):
    """A loss of a trial.

    Args:
        name: as in tables.
        t1, t2: its temperatures; both 1 for the logistic loss.
    """

    name: str
    t1: float = 1.0
    t2: float = 1.0


LOGISTIC = Loss("logistic")


@dataclasses.dataclass(frozen=True)
class Trial(Record):
    """What one training came to.

    Args:
        flip: share of flipped labels.
        loss: that was minimised.
        seed: of flips, initial weights and order.
        measures: see `measure`, on clean labels.
        validation: AUC (binary) or accuracy (multiclass) on the validation split, labels flipped too.
    """

    flip: float
    loss: Loss
    seed: int
    measures: dict[str, float]
    validation: float


@dataclasses.dataclass(frozen=True)
class Clean:
    """Transformed rows with true labels.

    Args:
        inputs: `wide_ids`, `deep_ids`, `dense`, each `(rows, columns)`.
        labels: class indices `(rows,)`.
        weights: `(rows,)`.
    """

    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[Any]
    weights: NDArray[Any]


def transformed(files: Sequence[str | Path], graph: TransformGraph, features: FeatureSpec) -> Clean:
    """Raw examples as the transform graph makes them, label and weight included.

    Args:
        files: TFRecord files of raw examples.
        graph: the transform graph.
        features: names the inputs of the model.
    """
    types = {name: tf.io.VarLenFeature(spec.dtype) for name, spec in graph.inputs.items()}
    parts: dict[str, list[NDArray[Any]]] = {}
    for batch in serialized_examples([Path(file) for file in files]).batch(BATCH_ROWS):
        found = graph(tf.io.parse_example(batch, types), tf.shape(batch, tf.int64)[0])
        for name in ("wide_ids", "deep_ids", "dense", "label", "weight"):
            if name in found:
                parts.setdefault(name, []).append(found[name].numpy())
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    labels = columns.pop("label").reshape(-1)
    weights = columns.pop("weight").reshape(-1) if features.weight else np.ones(len(labels), np.float32)
    return Clean(columns, labels, weights)


def try_out(
    features: FeatureSpec,
    model: ModelSpec,
    plan: TrainSpec,
    train_split: Split,
    validation: Split | None,
    clean: Clean,
    flip: float,
    loss: Loss,
    seed: int,
) -> Trial:
    """Trains with flipped labels in the training and the validation split, and measures on clean ones.

    Everything else, flips and order included, depends on the seed alone, so that losses can be compared seed
    by seed.

    Args:
        features: what the examples hold.
        model: the model.
        plan: the training loop, whose loss and seed are replaced.
        train_split: true labels, in memory.
        validation: the same, or None.
        clean: rows that the training does not see.
        flip: float in `[0, 0.5)` for a binary task. Share of labels that are flipped.
        loss: what is minimised.
        seed: int.
    """
    tempered = dataclasses.replace(plan.bi_tempered, t1=loss.t1, t2=loss.t2)
    plan = dataclasses.replace(
        plan,
        seed=seed,
        loss="auto" if loss == LOGISTIC else "bi_tempered",
        bi_tempered=BiTemperedSpec() if loss == LOGISTIC else tempered,
    )
    noisy = flipped(validation, flip, seed + VALIDATION_SEED) if validation is not None else None
    with tempfile.TemporaryDirectory() as scratch:
        result = train(
            features,
            model,
            plan,
            flipped(train_split, flip, seed),
            noisy,
            Path(scratch) / "checkpoints",
            Path(scratch) / "run",
            progress=lambda *_: None,
        )
    network = build_wide_deep(features, model, seed)
    for variable, value in zip(network.trainable_variables, result.weights, strict=True):
        variable.assign(value)
    head = result.parameters

    def logits(inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        names = list(network.input)
        rows = len(inputs[names[0]])
        parts = [
            network({name: inputs[name][at : at + BATCH_ROWS] for name in names}, training=False).numpy()
            for at in range(0, rows, BATCH_ROWS)
        ]
        served = link(features.task, np.concatenate(parts), head.temperature).numpy()
        return np.asarray(served * head.scale + head.shift)

    measures = measure(features.task, logits(clean.inputs), clean.labels, clean.weights)
    found = float("nan")
    if noisy is not None and noisy.columns is not None:
        columns = noisy.columns
        seen, labels = logits(columns).astype(np.float64), columns["label"].astype(np.int64)
        weights = columns["weight"].astype(np.float64)
        if features.task == "binary":
            found = auc(seen[:, 0], labels, weights)
        else:
            found = float(weights @ (seen.argmax(axis=1) == labels) / weights.sum())
    return Trial(flip, loss, seed, measures, found)
