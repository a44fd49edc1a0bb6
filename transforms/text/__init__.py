"""Texts of sequence tasks: units, their vocabularies and lengths, all inside the transform graph."""

from transforms.text.preprocessing import preprocessing_fn
from transforms.text.segments import join, segment
from transforms.text.spec import sequence_feature_spec

__all__ = ["join", "preprocessing_fn", "segment", "sequence_feature_spec"]
