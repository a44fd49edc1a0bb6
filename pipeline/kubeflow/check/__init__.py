"""The strict checks of a compiled pipeline: what the backend refuses, and what it silently does wrong.

Names are brought in on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.kubeflow.check.checker import check, check_documents
    from pipeline.kubeflow.check.package import CheckError, Package, load, require
    from pipeline.kubeflow.check.problem import Problem

_HOME = {
    "CheckError": "package",
    "Package": "package",
    "Problem": "problem",
    "check": "checker",
    "check_documents": "checker",
    "load": "package",
    "require": "package",
}

__all__ = ["CheckError", "Package", "Problem", "check", "check_documents", "load", "require"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
