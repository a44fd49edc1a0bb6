"""Infers a config from a file of rows or from files of parallel lines.

Names are brought in on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.init.inference import Inference, default_name, infer
    from pipeline.init.parallel import infer_lines, named_files
    from pipeline.init.write import to_yaml

_HOME = {
    "Inference": "inference",
    "default_name": "inference",
    "infer": "inference",
    "infer_lines": "parallel",
    "named_files": "parallel",
    "to_yaml": "write",
}

__all__ = ["Inference", "default_name", "infer", "infer_lines", "named_files", "to_yaml"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
