"""Encoder-decoders made of configured layers: LSTM and Transformer stacks in any mix, or a decoder alone."""

from trainer.models.sequence.build import build_sequence_model
from trainer.models.sequence.model import Cache, Memory, SequenceModel

__all__ = ["Cache", "Memory", "SequenceModel", "build_sequence_model"]
