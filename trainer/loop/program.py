"""A whole training from plain files: train, record requests, export, summarise."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from trainer.export import TransformGraph, build_server, digest, export_server, write_requests
from trainer.loop.progress import Progress
from trainer.loop.training import train
from trainer.models import build_wide_deep
from trainer.optimizers import PerPart
from trainer.spec import FeatureSpec, ModelSpec, Record, TrainSpec
from trainer.storage import write_json
from trainer.warm_start import FILE, NO_ORIGIN, Inputs, Origin, begin, capture, write

SERVING_DIRECTORY = "Format-Serving"


@dataclasses.dataclass(frozen=True)
class RunSpec(Record):
    """All that one training needs.

    Args:
        features: the feature specification.
        model: both parts of the model.
        train: the training loop.
        train_files: TFRecord files of transformed examples.
        transform_graph_dir: holds `transform_fn`.
        checkpoint_dir: this training's own directory; kept for the caller to discard.
        output_dir: gets the SavedModel as `Format-Serving`.
        run_dir: gets `history.json`, `training.json`, TensorBoard logs, `requests.tfrecord`, `expected.npz`.
        validation_files: for early stopping and calibration. Defaults to none.
        eval_raw_files: raw examples to record as requests. Defaults to none.
        recorded_requests: int, at least 1. Most requests to record. Defaults to `1000`.
        tokens: values of each vocabulary by its name, in the order of their ids; without them its rows cannot
            be taken over by a later training. Defaults to an empty mapping.
        encodings: how other ids and dense inputs are made, see `trainer.warm_start.Inputs`. Defaults to an
            empty mapping.
        warm_start_from: the earlier model, for a `train.warm_start` other than `none`. Defaults to
            `NO_ORIGIN`.
    """

    features: FeatureSpec
    model: ModelSpec
    train: TrainSpec
    train_files: tuple[str, ...]
    transform_graph_dir: str
    checkpoint_dir: str
    output_dir: str
    run_dir: str
    validation_files: tuple[str, ...] = ()
    eval_raw_files: tuple[str, ...] = ()
    recorded_requests: int = 1000
    tokens: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    encodings: dict[str, str] = dataclasses.field(default_factory=dict)
    warm_start_from: Origin = NO_ORIGIN


def run(spec: RunSpec, progress: Progress | None = None) -> dict[str, Any]:
    """Trains, exports and records; beside the SavedModel it leaves what a later training can start from.

    Args:
        spec: what to train, and all paths.
        progress: see `trainer.loop.train`. Defaults to `None`.

    Returns:
        The content of `training.json`: the summary of the training with the report of the warm start (see
        `trainer.warm_start.begin`) or None, `feature_spec`, `label_statistics`, the `model_digest` and the
        number of `recorded_requests`.

    Raises:
        TandemError: those of `trainer.loop.train`, `EXPORT-001` to `EXPORT-006`, and `EXPORT-009`.
    """
    # Before hours of training, not after them.
    transform = TransformGraph(spec.transform_graph_dir)
    transform.require(spec.features.raw)
    run_dir, model_dir = Path(spec.run_dir), Path(spec.output_dir) / SERVING_DIRECTORY
    result = train(
        spec.features,
        spec.model,
        spec.train,
        spec.train_files,
        spec.validation_files,
        spec.checkpoint_dir,
        run_dir,
        progress,
        initialise=functools.partial(_begin, spec) if spec.train.warm_start != "none" else None,
        origin=spec.warm_start_from.digest,
    )
    # On one device whatever the strategy was: a server has no replicas.
    model = build_wide_deep(spec.features, spec.model, spec.train.seed)
    for variable, value in zip(model.trainable_variables, result.weights, strict=True):
        variable.assign(value)
    server = build_server(spec.features, model, transform, result.parameters)
    recorded = 0
    if spec.eval_raw_files:
        recorded = write_requests(run_dir, spec.features, server, spec.eval_raw_files, spec.recorded_requests)
    export_server(model_dir, spec.features, server)
    head = result.parameters
    meaning = Inputs(spec.tokens, spec.encodings, head.label_mean, head.label_deviation)
    write(model_dir / FILE, capture(model, spec.features, meaning, result.slots))
    summary = {
        **result.summary,
        "feature_spec": spec.features.to_json(),
        "label_statistics": result.labels.to_json(),
        "model_digest": digest(model_dir),
        "recorded_requests": recorded,
        "tensorflow": tf.__version__,
    }
    write_json(run_dir / "training.json", summary)
    logging.info("Model %s in %s", summary["model_digest"][:12], model_dir)
    return summary


def _begin(
    spec: RunSpec, model: keras.Model, optimizer: PerPart, label_mean: float, label_deviation: float
) -> dict[str, Any]:
    meaning = Inputs(spec.tokens, spec.encodings, label_mean, label_deviation)
    policy = spec.train.warm_start
    assert policy != "none"
    return begin(model, optimizer, spec.features, meaning, spec.warm_start_from, policy)
