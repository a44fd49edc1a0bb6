"""Whether an earlier model answers the candidate's question from the candidate's data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from components.baseline.files import FEATURES
from trainer import warm_start
from trainer.errors import TandemError
from trainer.export.signatures import PREDICT, dtype_of
from trainer.spec import FeatureSpec
from trainer.spec.sequence import SequenceFeatureSpec


def why_incomparable(model_dir: Path, features: FeatureSpec) -> str:
    """Why a model cannot be compared with a candidate on the candidate's rows.

    It can if it predicts the same task and classes in the same order, and if every input of its signature
    `predict` is a raw input of the candidate with the same type. A column that the rows lack would reach it
    as missing, and a model that is shown less than it learned from is no measure. A model that does not say
    what it predicts and takes cannot be compared either.

    Args:
        model_dir: the SavedModel, with the state for a warm start in it.
        features: of the candidate.

    Returns:
        A predicate that follows the name of the model, such as `takes the column b (float32), which the
        candidate does not take`; empty if it can be compared.
    """
    try:
        state = warm_start.read(model_dir / warm_start.FILE)
        inputs = _inputs(model_dir)
    except _UNREADABLE as error:
        return _unsaid(error)
    if (state.task, state.classes) != (features.task, features.classes):
        return (
            f"predicts {_target(state.task, state.classes)}, the candidate "
            f"{_target(features.task, features.classes)}"
        )
    return _other_columns(inputs, features.raw)


def why_sequences_incomparable(model_dir: Path, features: SequenceFeatureSpec) -> str:
    """Why a model of sequences cannot be compared with a candidate on the candidate's rows.

    It can if task, kinds of units and raw inputs are the same; vocabularies may differ, since texts are
    compared. The perplexity of `subwords` depends on the vocabulary, so there it must be the same too.

    Args:
        model_dir: the SavedModel, with its feature specification in it.
        features: of the candidate.

    Returns:
        As `why_incomparable`.
    """
    try:
        found = SequenceFeatureSpec.from_json(json.loads((model_dir / FEATURES).read_bytes()))
        inputs = _inputs(model_dir)
    except (*_UNREADABLE, ValueError, TypeError, AttributeError) as error:
        return _unsaid(error)
    if _sequences(found) != _sequences(features):
        return f"predicts {_sequences(found)}, the candidate {_sequences(features)}"
    per_unit = features.task == "language_model" and features.target.kind == "subwords"
    if per_unit and found.target.units != features.target.units:
        return "counts its perplexity over other subwords than the candidate"
    return _other_columns(inputs, features.raw)


_UNREADABLE = (TandemError, OSError, DecodeError, LookupError)


def _unsaid(error: Exception) -> str:
    return f"does not say what it predicts and takes ({error})"


def _sequences(features: SequenceFeatureSpec) -> str:
    source = "" if features.source is None else f" from {features.source.kind}"
    return f"{features.task} of {features.target.kind}{source}"


def _other_columns(inputs: Mapping[str, Any], raw: Mapping[str, str]) -> str:
    for name, kind in sorted(inputs.items()):
        if name not in raw:
            return f"takes the column {name} ({kind.name}), which the candidate does not take"
        now = dtype_of(raw[name])
        if kind != now:
            return f"takes the column {name} as {kind.name}, the candidate as {now.name}"
    return ""


def _target(task: str, classes: tuple[str, ...]) -> str:
    return f"{task} of the classes {', '.join(classes)}" if classes else task


def _inputs(model_dir: Path) -> dict[str, Any]:
    saved = saved_model_pb2.SavedModel.FromString((model_dir / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    if PREDICT not in signatures:
        raise LookupError(f"no signature {PREDICT}")
    return {name: tf.as_dtype(info.dtype) for name, info in signatures[PREDICT].inputs.items()}
