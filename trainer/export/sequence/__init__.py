"""Sequence models as SavedModels: texts in, texts out."""

from trainer.export.sequence.prior import export_sequence_prior, fit_prior
from trainer.export.sequence.server import FEATURES, SequenceServer, export_sequence_server

__all__ = [
    "FEATURES",
    "SequenceServer",
    "export_sequence_prior",
    "export_sequence_server",
    "fit_prior",
]
