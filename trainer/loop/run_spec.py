"""All that one training is told, as a record that a file can hold."""

from __future__ import annotations

import dataclasses

from trainer.spec import FeatureSpec, ModelSpec, Record, ReplicaSpec, SequenceFeatureSpec, TrainSpec
from trainer.warm_start import NO_ORIGIN, Origin

SERVING_DIRECTORY = "Format-Serving"


@dataclasses.dataclass(frozen=True)
class RunSpec(Record):
    """All that one training needs.

    Args:
        features: the feature specification of tables, or of sequences.
        model: all parts of the model.
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
        replica: which one of a group this training is, if and only if `train.codistillation` is given.
            Defaults to `None`.
    """

    features: FeatureSpec | SequenceFeatureSpec
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
    replica: ReplicaSpec | None = None
