"""One typed YAML file holds every knob of a pipeline.

Names are brought in on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.config.difference import Change, diff
    from pipeline.config.loader import load, parse
    from pipeline.config.locations import resolve, resolve_prepare
    from pipeline.config.model import Config
    from pipeline.config.problems import ConfigError, Problem
    from pipeline.config.reference import json_schema, reference_markdown
    from pipeline.config.text import dump

_HOME = {
    "Change": "difference",
    "Config": "model",
    "ConfigError": "problems",
    "Problem": "problems",
    "diff": "difference",
    "dump": "text",
    "json_schema": "reference",
    "load": "loader",
    "parse": "loader",
    "reference_markdown": "reference",
    "resolve": "locations",
    "resolve_prepare": "locations",
}

__all__ = [
    "Change",
    "Config",
    "ConfigError",
    "Problem",
    "diff",
    "dump",
    "json_schema",
    "load",
    "parse",
    "reference_markdown",
    "resolve",
    "resolve_prepare",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
