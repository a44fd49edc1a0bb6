"""A whole training of sequences from plain files: train, record requests, export, summarise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from trainer.errors import TandemError
from trainer.export import TransformGraph, digest, write_requests
from trainer.export.sequence import SequenceServer, export_sequence_server, fit_prior
from trainer.loop.progress import Progress
from trainer.loop.run_spec import SERVING_DIRECTORY, RunSpec
from trainer.loop.sequence.training import specs, train_sequences
from trainer.models.sequence import build_sequence_model
from trainer.quantisation import FLOAT32_DIRECTORY, report
from trainer.spec import SequenceFeatureSpec
from trainer.storage import write_json


def run_sequences(spec: RunSpec, progress: Progress | None = None) -> dict[str, Any]:
    """Trains, exports and records.

    Args:
        spec: what to train, and all paths; `features` is that of sequences.
        progress: see `train_sequences`. Defaults to `None`.

    Returns:
        The content of `training.json`: the summary of the training, with `sequences` (`buckets`,
        `padding_share`, `skipped` examples and `tokens_per_second`), the `prior` (see `fit_prior`),
        `feature_spec`, `model_digest`, the number of `recorded_requests` and, of an int8 model,
        `quantisation` (see `trainer.quantisation.report`).

    Raises:
        TandemError: those of `train_sequences`, `TRAIN-515` if a warm start is asked for, `EXPORT-001` to
            `EXPORT-006`, `EXPORT-009` and `EXPORT-021`.
    """
    features = spec.features
    assert isinstance(features, SequenceFeatureSpec)
    if spec.train.warm_start != "none":
        raise TandemError(
            "TRAIN-515",
            "train.warm_start of a sequence task must be none. "
            f"Received: train.warm_start={spec.train.warm_start}",
            "Leave train.warm_start out.",
            exit_status=2,
        )
    # Before hours of training, not after them.
    transform = TransformGraph(spec.transform_graph_dir)
    transform.require(features.raw)
    run_dir, output_dir = Path(spec.run_dir), Path(spec.output_dir)
    result = train_sequences(
        features,
        spec.model,
        spec.train,
        spec.train_files,
        spec.validation_files,
        spec.checkpoint_dir,
        run_dir,
        progress,
        replica=spec.replica,
    )
    # On one device whatever the strategy was, and without the training's precision.
    layers, _ = specs(spec.model, spec.train)
    model = build_sequence_model(features, layers, spec.train.seed)
    for variable, value in zip(model.trainable_variables, result.weights, strict=True):
        variable.assign(value)
    int8 = layers.quantisation != "none"
    server = SequenceServer(features, model, layers.decoding, result.temperature, transform, int8)
    recorded = 0
    if spec.eval_raw_files:
        recorded = write_requests(run_dir, features, server, spec.eval_raw_files, spec.recorded_requests)
    model_dir = output_dir / SERVING_DIRECTORY
    export_sequence_server(model_dir, features, server)
    summary = {
        **result.summary,
        "feature_spec": features.to_json(),
        "prior": fit_prior(features, result.table.pairs()),
        "model_digest": digest(model_dir),
        "recorded_requests": recorded,
        "tensorflow": tf.__version__,
    }
    if layers.quantisation != "none":
        plain = SequenceServer(features, model, layers.decoding, result.temperature, transform)
        export_sequence_server(output_dir / FLOAT32_DIRECTORY, features, plain)
        summary["quantisation"] = report(
            layers.quantisation, server.weights, model_dir, output_dir / FLOAT32_DIRECTORY
        )
    write_json(run_dir / "training.json", summary)
    logging.info("Model %s in %s", summary["model_digest"][:12], model_dir)
    return summary
