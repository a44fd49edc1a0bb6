"""Wide & Deep: layers that touch only the rows of the batch, and the model made of them."""

from trainer.models.layers import EmbeddingTables, Placement, WideLinear
from trainer.models.wide_deep import build_wide_deep, deep_inputs, dense_layers, penalty, placements

__all__ = [
    "EmbeddingTables",
    "Placement",
    "WideLinear",
    "build_wide_deep",
    "deep_inputs",
    "dense_layers",
    "penalty",
    "placements",
]
