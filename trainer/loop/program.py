"""A whole training from plain files: train, record requests, export, summarise."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from trainer.export import TransformGraph, build_server, digest, export_server, write_requests
from trainer.loop.progress import Progress
from trainer.loop.run_spec import SERVING_DIRECTORY, RunSpec
from trainer.loop.sequence.program import run_sequences
from trainer.loop.training import train
from trainer.models import build_wide_deep
from trainer.optimizers import PerPart
from trainer.spec import FeatureSpec, SequenceFeatureSpec
from trainer.storage import write_json
from trainer.warm_start import FILE, Inputs, begin, capture, write


def run(spec: RunSpec, progress: Progress | None = None) -> dict[str, Any]:
    """Trains, exports and records; beside the SavedModel it leaves what a later training can start from.

    Args:
        spec: what to train, and all paths.
        progress: see `trainer.loop.train`. Defaults to `None`.

    Returns:
        The content of `training.json`; for sequences see `trainer.loop.sequence.run_sequences`. For tables
        the summary of the training with the report of the warm start (see `trainer.warm_start.begin`) or
        None, `feature_spec`, `label_statistics`, the `model_digest` and the
        number of `recorded_requests`.

    Raises:
        TandemError: those of `trainer.loop.train`, `EXPORT-001` to `EXPORT-006`, and `EXPORT-009`.
    """
    if isinstance(spec.features, SequenceFeatureSpec):
        return run_sequences(spec, progress)
    return _run_tables(spec, spec.features, progress)


def _run_tables(spec: RunSpec, features: FeatureSpec, progress: Progress | None) -> dict[str, Any]:
    # Before hours of training, not after them.
    transform = TransformGraph(spec.transform_graph_dir)
    transform.require(features.raw)
    run_dir, model_dir = Path(spec.run_dir), Path(spec.output_dir) / SERVING_DIRECTORY
    result = train(
        features,
        spec.model,
        spec.train,
        spec.train_files,
        spec.validation_files,
        spec.checkpoint_dir,
        run_dir,
        progress,
        initialise=functools.partial(_begin, spec, features) if spec.train.warm_start != "none" else None,
        origin=spec.warm_start_from.digest,
        replica=spec.replica,
    )
    # On one device whatever the strategy was: a server has no replicas.
    model = build_wide_deep(features, spec.model, spec.train.seed)
    for variable, value in zip(model.trainable_variables, result.weights, strict=True):
        variable.assign(value)
    server = build_server(features, model, transform, result.parameters)
    recorded = 0
    if spec.eval_raw_files:
        recorded = write_requests(run_dir, features, server, spec.eval_raw_files, spec.recorded_requests)
    export_server(model_dir, features, server)
    head = result.parameters
    meaning = Inputs(spec.tokens, spec.encodings, head.label_mean, head.label_deviation)
    write(model_dir / FILE, capture(model, features, meaning, result.slots))
    summary = {
        **result.summary,
        "feature_spec": features.to_json(),
        "label_statistics": result.labels.to_json(),
        "model_digest": digest(model_dir),
        "recorded_requests": recorded,
        "tensorflow": tf.__version__,
    }
    write_json(run_dir / "training.json", summary)
    logging.info("Model %s in %s", summary["model_digest"][:12], model_dir)
    return summary


def _begin(
    spec: RunSpec,
    features: FeatureSpec,
    model: keras.Model,
    optimizer: PerPart,
    label_mean: float,
    label_deviation: float,
) -> dict[str, Any]:
    meaning = Inputs(spec.tokens, spec.encodings, label_mean, label_deviation)
    policy = spec.train.warm_start
    assert policy != "none"
    return begin(model, optimizer, features, meaning, spec.warm_start_from, policy)
