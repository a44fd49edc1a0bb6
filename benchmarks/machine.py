"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

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


def line() -> str:
    """Cores, memory, load and versions, on one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, load {load:.1f} at the start, "
        f"Python {platform.python_version()}, {versions}"
    )
