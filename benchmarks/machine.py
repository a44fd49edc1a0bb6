"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import psutil

LIBRARIES = (
    "tfx",
    "tensorflow",
    "keras",
    "apache-beam",
    "tensorflow-model-analysis",
    "scikit-learn",
    "lightgbm",
)


def facts() -> dict[str, Any]:
    """Cores, memory, kind of processor, load, and versions by name; flat."""
    return {
        "cores": psutil.cpu_count(),
        "GiB": round(psutil.virtual_memory().total / 2**30),
        "processor": platform.machine(),
        "load": round(os.getloadavg()[0], 1),
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def line() -> str:
    """The facts on one line."""
    told = facts()
    versions = ", ".join(f"{name} {told[name]}" for name in ("Python", *LIBRARIES))
    return (
        f"{told['cores']} cores, {told['GiB']} GiB, {told['processor']}, load {told['load']} at the start, "
        f"{versions}"
    )
