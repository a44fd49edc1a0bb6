"""Features of tables: text, numbers, times and their crosses, all inside the transform graph."""

from transforms.tabular.preprocessing import preprocessing_fn
from transforms.tabular.spec import encodings, feature_spec, vocabularies

__all__ = ["encodings", "feature_spec", "preprocessing_fn", "vocabularies"]
