"""The sections of sequence tasks: `model.sequence` and `train.sequence`."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from pipeline.config.base import Fraction, Section
from trainer.spec.sequence import SequenceTask

SEQUENCE_TASKS: tuple[str, ...] = get_args(SequenceTask)


class Stack(Section):
    """Layers of an encoder or a decoder."""

    kind: Literal["lstm", "transformer"] = Field(
        default="lstm",
        description="`lstm`: recurrent, both ways in an encoder, with attention in a decoder; "
        "`transformer`: self-attention, normalised before each sublayer.",
    )
    layers: int = Field(default=1, ge=1, le=64, description="Number of layers.")
    units: int = Field(
        default=256,
        ge=1,
        description="Width of the layers, in a recurrent encoder of each direction; even for a transformer.",
    )
    heads: int = Field(
        default=4,
        ge=1,
        description="Attention heads of a transformer, and of a decoder's attention to the source; they "
        "divide `units`, and those of an LSTM decoder the encoder's width too.",
    )
    feed_forward: int = Field(default=1024, ge=1, description="Transformer: width inside a feed-forward.")


class Decoding(Section):
    """Beam search, as the exported model answers."""

    beam: int = Field(default=8, ge=1, le=64, description="Hypotheses kept at each step; 1 is greedy.")
    n_best: int = Field(default=4, ge=1, le=64, description="Hypotheses answered, at most `beam`.")
    length_normalisation: float = Field(
        default=0.6,
        ge=0,
        le=2,
        description="Exponent of the length that a log-probability is divided by; 0 for none.",
    )
    coverage_penalty: float = Field(
        default=0.0,
        ge=0,
        description="Strength of the penalty on source units without attention; 0 for none.",
    )
    score_pruning: float = Field(
        default=3.0,
        gt=0,
        description="Hypotheses whose log-probability is worse than the best one's by more than this end.",
    )
    end_margin: float | None = Field(
        default=None,
        ge=0,
        description="A hypothesis may end only if the log-probability of the end is within this of the best "
        "unit's; always when not set.",
    )
    early_stop: bool = Field(
        default=True, description="Stop when no open hypothesis can overtake the finished ones."
    )


class SequenceModel(Section):
    """Encoder and decoder of sequences; a language model is the decoder alone."""

    embedding: int = Field(default=128, ge=1, description="Width of the embedding of a unit.")
    encoder: Stack = Field(default=Stack(), description="What reads the source.")
    decoder: Stack = Field(default=Stack(), description="What writes the target.")
    attention: Literal["additive", "dot", "monotonic"] = Field(
        default="dot",
        description="Scores of a decoder's attention to the source: `dot` products (Luong et al. 2015), "
        "`additive` (Bahdanau et al. 2015), or `monotonic`: `dot` with a learned bias for each distance "
        "between the two places, where both sides run in parallel.",
    )
    shared_embeddings: Literal["none", "decoder", "all"] = Field(
        default="none",
        description="One table for the target's embedding and the output layer (`decoder`), and for the "
        "source too (`all`), which then has the target's units.",
    )
    dropout: Fraction = Field(default=0.2, description="Dropout between the layers.")
    quantisation: Literal["none", "after", "aware"] = Field(
        default="none",
        description="Export int8 weights: rounded `after` training, or `aware`: the second half of the "
        "planned steps computes with rounded weights too.",
    )
    decoding: Decoding = Field(default=Decoding(), description="Beam search.")


class Auxiliary(Section):
    """A second task that some steps train the same layers on.

    The share of its steps moves in a line from `start` to `end` over the planned steps.
    """

    task: Literal["none", "language_model", "reconstruct"] = Field(
        default="none",
        description="`language_model`: the target without its source; `reconstruct`: the source from the "
        "target, where both have the same units.",
    )
    start: float = Field(default=0.3, ge=0, le=1, description="Share of the steps at the beginning.")
    end: float = Field(default=0.0, ge=0, le=1, description="Share of the steps at the end.")


class SequenceTrain(Section):
    """What the training of sequences adds; batches hold examples of like length."""

    batch_tokens: int = Field(
        default=4096,
        ge=1,
        description="Units of a batch, padding included, of the longer side; a bucket of short examples "
        "has more of them in a batch.",
    )
    buckets: int = Field(default=8, ge=1, le=64, description="Most buckets of lengths.")
    optimizer: Literal["adam", "sm3"] = Field(
        default="adam",
        description="`sm3` keeps one number for each row and column instead of two for each parameter.",
    )
    learning_rate: float = Field(default=0.002, gt=0, description="Highest learning rate.")
    schedule: Literal["constant", "rsqrt", "linear", "cosine"] = Field(
        default="cosine",
        description="Rate after the warm-up: `constant`, by the inverse square root of the step (`rsqrt`), "
        "or down to 0 over the planned steps (`linear`, `cosine`).",
    )
    warm_up: Fraction = Field(
        default=0.05, description="Share of the planned steps in which the rate rises in a line."
    )
    momentum: Fraction = Field(default=0.9, description="Decay of the mean of gradients (Adam's beta 1).")
    beta_2: Fraction = Field(default=0.98, description="Adam: decay of the mean of squared gradients.")
    clip_norm: float = Field(default=1.0, ge=0, description="Greatest norm of a gradient; 0 for no limit.")
    weight_decay: float = Field(
        default=0.0, ge=0, description="Times the rate, the share of a kernel taken off at each step."
    )
    label_smoothing: Fraction = Field(
        default=0.1, description="Share of a unit's probability spread over the others in the loss `auto`."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="`bfloat16` computes with it and keeps float32 weights."
    )
    auxiliary: Auxiliary = Field(default=Auxiliary(), description="A second task.")
