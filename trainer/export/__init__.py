"""From trained weights to a SavedModel that answers raw requests, and the proof that it answers alike."""

from trainer.export.digest import digest
from trainer.export.head import Head, HeadParameters
from trainer.export.prior import export_prior
from trainer.export.requests import write_requests
from trainer.export.serving import build_server, export_model, export_server
from trainer.export.signatures import safe_names
from trainer.export.transform_graph import TransformGraph

__all__ = [
    "Head",
    "HeadParameters",
    "TransformGraph",
    "build_server",
    "digest",
    "export_model",
    "export_prior",
    "export_server",
    "safe_names",
    "write_requests",
]
