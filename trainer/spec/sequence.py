"""What the trainer is told of sequences: units, encoder and decoder, decoding, and their training."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

from trainer.spec.record import Record, wrong

SequenceTask: TypeAlias = Literal["seq2seq", "language_model"]
UnitKind: TypeAlias = Literal["letters", "characters", "words", "tokens", "subwords"]

# Ids that every vocabulary of units begins with; the first learned unit has the id `FIRST_UNIT`.
PADDING, BEGIN, END, UNKNOWN, FIRST_UNIT = 0, 1, 2, 3, 4


@dataclasses.dataclass(frozen=True)
class UnitsSpec(Record):
    """The units of one text column, known once the training data was analysed.

    Args:
        column: name of the column.
        kind: `letters`, `characters`, `words`, `tokens` or `subwords`.
        units: the learned units in the order of their ids, which begin at `FIRST_UNIT`.
        max_length: int, at least 1. Units of the longest text that is trained on and answered whole.
    """

    column: str
    kind: UnitKind
    units: tuple[str, ...]
    max_length: int

    def __post_init__(self) -> None:
        if self.max_length < 1:
            raise wrong(f"UnitsSpec {self.column}.max_length", "at least 1", self.max_length)
        if len(set(self.units)) != len(self.units):
            raise wrong(f"UnitsSpec {self.column}.units", "different units", len(self.units))

    @property
    def size(self) -> int:
        """Number of ids, those of padding, begin, end and unknown included."""
        return FIRST_UNIT + len(self.units)


@dataclasses.dataclass(frozen=True)
class SequenceFeatureSpec(Record):
    """The transformed sequences: ids without begin and end, `source_ids` and `target_ids`.

    Args:
        task: `seq2seq` or `language_model`, which has no source.
        target: units of what is predicted.
        source: units of what is read. Defaults to `None`.
        weight: whether examples carry a weight. Defaults to `False`.
        raw: type of each raw input, all `string`. Defaults to an empty mapping.
    """

    task: SequenceTask
    target: UnitsSpec
    source: UnitsSpec | None = None
    weight: bool = False
    raw: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.source is None) != (self.task == "language_model"):
            raise wrong(
                "SequenceFeatureSpec.source", f"given for seq2seq alone, not for {self.task}", self.source
            )


@dataclasses.dataclass(frozen=True)
class StackSpec(Record):
    """Layers of an encoder or a decoder. Fields as in `model.sequence.encoder` of the configuration."""

    kind: Literal["lstm", "transformer"] = "lstm"
    layers: int = 1
    units: int = 256
    heads: int = 4
    feed_forward: int = 1024


@dataclasses.dataclass(frozen=True)
class DecodingSpec(Record):
    """Beam search. Fields as in `model.sequence.decoding` of the configuration."""

    beam: int = 8
    n_best: int = 4
    length_normalisation: float = 0.6
    coverage_penalty: float = 0.0
    score_pruning: float = 3.0
    end_margin: float | None = None
    early_stop: bool = True


@dataclasses.dataclass(frozen=True)
class SequenceModelSpec(Record):
    """The encoder-decoder. Fields as in `model.sequence` of the configuration."""

    embedding: int = 128
    encoder: StackSpec = StackSpec()
    decoder: StackSpec = StackSpec()
    attention: Literal["additive", "dot", "monotonic"] = "dot"
    shared_embeddings: Literal["none", "decoder", "all"] = "none"
    dropout: float = 0.2
    quantisation: Literal["none", "after", "aware"] = "none"
    decoding: DecodingSpec = DecodingSpec()


@dataclasses.dataclass(frozen=True)
class AuxiliarySpec(Record):
    """A second task trained with the same layers. Fields as in `train.sequence.auxiliary`.

    The share of its steps moves in a line from `start` to `end` over the planned steps.
    """

    task: Literal["none", "language_model", "reconstruct"] = "none"
    start: float = 0.3
    end: float = 0.0


@dataclasses.dataclass(frozen=True)
class SequenceTrainSpec(Record):
    """What training of sequences adds. Fields as in `train.sequence` of the configuration."""

    batch_tokens: int = 4096
    buckets: int = 8
    optimizer: Literal["adam", "sm3"] = "adam"
    learning_rate: float = 0.002
    schedule: Literal["constant", "rsqrt", "linear", "cosine"] = "cosine"
    warm_up: float = 0.05
    momentum: float = 0.9
    beta_2: float = 0.98
    clip_norm: float = 1.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.1
    precision: Literal["float32", "bfloat16"] = "float32"
    auxiliary: AuxiliarySpec = AuxiliarySpec()
