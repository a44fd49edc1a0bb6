"""Small models and the oracle of the search: every target there is, scored by whole forward passes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.models.sequence import SequenceModel, build_sequence_model
from trainer.spec.sequence import (
    BEGIN,
    END,
    FIRST_UNIT,
    DecodingSpec,
    SequenceFeatureSpec,
    SequenceModelSpec,
    StackSpec,
    UnitsSpec,
)

SOURCE = UnitsSpec("source", "tokens", tuple("abcde"), 8)


def model(
    seed: int, units: int, kind: str = "lstm", task: str = "seq2seq", sharp: float = 3.0
) -> SequenceModel:
    """A model with so many target units and random weights, whose logits differ by some `sharp`."""
    target = UnitsSpec("target", "tokens", tuple("xyzuvw"[:units]), 8)
    features = SequenceFeatureSpec(task, target, SOURCE if task == "seq2seq" else None)
    stack = StackSpec(kind, layers=1, units=8, heads=2, feed_forward=8)
    made = build_sequence_model(features, SequenceModelSpec(4, stack, stack, "monotonic", "none", 0.0), seed)
    made.output_map.kernel.assign(made.output_map.kernel.value * sharp)
    return made


def sources(seed: int, batch: int, longest: int = 5) -> tf.Tensor:
    """Random sources, padded on the right."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(FIRST_UNIT, FIRST_UNIT + 5, (batch, longest))
    ids[np.arange(longest) >= rng.integers(1, longest + 1, (batch, 1))] = 0
    return tf.constant(ids, tf.int32)


def all_targets(units: int, most: int) -> list[tuple[int, ...]]:
    """Every target of at most so many units."""
    ids = range(FIRST_UNIT, FIRST_UNIT + units)
    return [target for length in range(most + 1) for target in itertools.product(ids, repeat=length)]


def ranked(
    made: SequenceModel, source: tf.Tensor | None, units: int, most: int, spec: DecodingSpec
) -> tuple[list[tuple[int, ...]], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All targets of one source `(1, s)`, best first, with scores and log-probabilities, by definition."""
    targets = all_targets(units, most)
    given = np.zeros((len(targets), most + 1), np.int32)
    wanted = np.zeros_like(given)
    for row, target in enumerate(targets):
        given[row, : len(target) + 1] = (BEGIN, *target)
        wanted[row, : len(target) + 1] = (*target, END)
    inputs: dict[str, Any] = {"target_in": tf.constant(given)}
    attention = None
    if source is not None:
        inputs["source_ids"] = tf.repeat(source, len(targets), axis=0)
        attention = made.attention(made.encode(inputs["source_ids"]), inputs["target_in"]).numpy()
    logits = made(inputs).numpy().astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    each = np.take_along_axis(logs, wanted[..., None], -1)[..., 0]
    inside = wanted > 0
    totals = (each * inside).sum(1)
    scores = totals / ((5 + inside.sum(1)) / 6) ** spec.length_normalisation
    if spec.coverage_penalty and attention is not None and source is not None:
        covered = np.clip((attention * inside[..., None]).sum(1), 1e-6, 1)
        scores += spec.coverage_penalty * (np.log(covered) * (source.numpy() > 0)).sum(1)
    order = np.argsort(-scores, kind="stable")
    return [targets[i] for i in order], scores[order], totals[order]


def listed(found: Any, row: int = 0) -> list[tuple[int, ...]]:
    """The targets of one example as tuples, free places left out."""
    return [
        tuple(ids[:length].tolist())
        for ids, length, score in zip(
            found.ids.numpy()[row], found.lengths.numpy()[row], found.scores.numpy()[row], strict=True
        )
        if np.isfinite(score)
    ]
