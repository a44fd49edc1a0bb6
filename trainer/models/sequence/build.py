"""Checks a specification and makes the model."""

from __future__ import annotations

from trainer.errors import TandemError
from trainer.models.sequence.model import SequenceModel
from trainer.spec.sequence import SequenceFeatureSpec, SequenceModelSpec, StackSpec


def _refuse(expected: str, received: str, hint: str) -> TandemError:
    return TandemError("TRAIN-501", f"{expected} Received: {received}", hint, exit_status=2)


def _check(name: str, stack: StackSpec, width: int) -> None:
    """`width` is what the heads of this stack divide."""
    if min(stack.layers, stack.units, stack.heads, stack.feed_forward) < 1:
        raise _refuse(
            f"model.sequence.{name} needs layers, units, heads and feed_forward of at least 1.",
            f"{name}={stack}",
            f"Raise what is below 1 in model.sequence.{name}.",
        )
    if width % stack.heads or stack.units % stack.heads:
        raise _refuse(
            f"model.sequence.{name}.heads must divide {stack.units} units"
            + (f" and {width}, the width of what is attended to." if width != stack.units else "."),
            f"heads={stack.heads}",
            f"Choose units that are a multiple of heads in model.sequence.{name}.",
        )
    if stack.kind == "transformer" and stack.units % 2:
        raise _refuse(
            f"model.sequence.{name}.units must be even for a transformer.",
            f"units={stack.units}",
            "Half of the position signal are sines, half cosines.",
        )


def build_sequence_model(
    features: SequenceFeatureSpec,
    spec: SequenceModelSpec,
    seed: int,
) -> SequenceModel:
    """A model from ids of sources and targets to logits of the targets' units.

    Initial weights depend on `seed` alone, never on a global generator. The state of the dropout
    generators is among `model.variables`. Made under the dtype policy `mixed_bfloat16`, the factors of
    matrix products are bfloat16; weights, gates, softmax and logits are float32 under any policy.

    Args:
        features: units of source and target; without a source the decoder alone is made.
        spec: encoder, decoder, attention and embeddings.
        seed: int. Seed of initial weights and dropout.

    Returns:
        The model with all its variables.

    Raises:
        TandemError: `TRAIN-501` if sizes do not fit each other.
    """
    _check("decoder", spec.decoder, spec.decoder.units)
    if features.source is not None:
        _check("encoder", spec.encoder, spec.encoder.units)
        if spec.decoder.kind == "lstm":
            both = 2 if spec.encoder.kind == "lstm" else 1
            _check("decoder", spec.decoder, both * spec.encoder.units)
        if spec.shared_embeddings == "all" and features.source.units != features.target.units:
            raise _refuse(
                "model.sequence.shared_embeddings=all needs one vocabulary for source and target.",
                f"source={len(features.source.units)} units, target={len(features.target.units)} units",
                "Set shared_embeddings to decoder, or give both columns the same units.",
            )
    return SequenceModel(features, spec, seed)
