"""Small models of every kind and batches for them, shared by the tests of this room."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from trainer.models.sequence import SequenceModel, build_sequence_model
from trainer.spec.sequence import SequenceFeatureSpec, SequenceModelSpec, StackSpec, UnitsSpec

UNITS = tuple("abcdef")
FEATURES = SequenceFeatureSpec(
    "seq2seq", UnitsSpec("target", "tokens", UNITS, 9), UnitsSpec("source", "tokens", UNITS, 9)
)
ALONE = SequenceFeatureSpec("language_model", UnitsSpec("target", "tokens", UNITS, 9))
BATCH = {
    "source_ids": tf.constant([[4, 5, 6, 0, 0], [7, 8, 9, 5, 4]]),
    "target_in": tf.constant([[1, 4, 5, 6], [1, 5, 0, 0]]),
}
REAL = ((0, slice(None)), (1, slice(2)))
"""What of the targets is not padding."""


def spec(encoder: str = "lstm", decoder: str = "lstm", **fields: Any) -> SequenceModelSpec:
    """Two layers in each stack, two heads."""
    return SequenceModelSpec(
        embedding=6,
        encoder=StackSpec(encoder, 2, 8, 2, 12),
        decoder=StackSpec(decoder, 2, 8, 2, 12),
        **fields,
    )


def model(encoder: str = "lstm", decoder: str = "lstm", seed: int = 1, **fields: Any) -> SequenceModel:
    """An encoder-decoder; without an encoder a language model."""
    if encoder == "none":
        return build_sequence_model(ALONE, spec("lstm", decoder, **fields), seed)
    return build_sequence_model(FEATURES, spec(encoder, decoder, **fields), seed)
