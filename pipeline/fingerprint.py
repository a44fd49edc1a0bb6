"""Digests of the sources and libraries that a step's result depends on.

The cache of TFX sees inputs and parameters but not imported code; these digests go into every step's key,
so a changed source file or library version runs exactly the steps that use it again.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent
# What every step of ours imports; stock steps do without.
_SHARED = ("components/adapter.py", "trainer/errors.py", "trainer/faults.py", "trainer/storage.py")
# What `import trainer.export` runs.
_EXPORT = ("trainer/export", "trainer/data", "trainer/losses", "trainer/spec")

SOURCES: dict[str, tuple[str, ...]] = {
    "ingest": (*_SHARED, "components/ingest"),
    "statistics": (*_SHARED, "components/statistics"),
    "schema": (*_SHARED, "components/schema"),
    "validator": (),
    "check": (*_SHARED, "components/check", "components/schema/core.py"),
    "transform": ("transforms",),
    "train": (
        *_SHARED,
        "components/cluster.py",
        "components/train",
        "components/push/__init__.py",
        "components/push/manifest.py",
        "trainer",
        "transforms",
    ),
    "baseline": (
        *_SHARED,
        "components/baseline",
        "components/push",
        *_EXPORT,
        "trainer/checkpoints",
        "trainer/decoding",
        "trainer/models",
        "trainer/optimizers",
        "trainer/quantisation",
        "trainer/warm_start",
    ),
    "score": (
        *_SHARED,
        "components/score",
        "components/baseline/__init__.py",
        "components/baseline/files.py",
        "components/evaluate",
        "trainer/churn",
        "trainer/data",
        "trainer/spec",
        "trainer/quantisation",
        "transforms",
    ),
    "evaluate": ("components/evaluate",),
    "gate": (
        *_SHARED,
        "components/gate",
        "components/evaluate/config.py",
        "components/evaluate/metrics.py",
        *_EXPORT,
    ),
    "push": (*_SHARED, "components/push", *_EXPORT),
}

# What the modules of `_EXPORT` import.
_EXPORT_LIBRARIES = ("tensorflow", "keras", "numpy", "protobuf")

LIBRARIES: dict[str, tuple[str, ...]] = {
    "ingest": ("tfx", "google-crc32c", "numpy", "pyarrow", "tfx-bsl", "apache-beam"),
    "statistics": (
        "tfx",
        "tensorflow-data-validation",
        "tensorflow-metadata",
        "tensorflow",
        "numpy",
        "pyarrow",
        "tfx-bsl",
        "apache-beam",
    ),
    "schema": ("tfx", "tensorflow-data-validation", "tensorflow-metadata", "protobuf"),
    "validator": ("tfx", "tensorflow-data-validation", "tensorflow-metadata"),
    "check": ("tfx", "tensorflow-data-validation", "tensorflow-metadata", "numpy", "protobuf"),
    "transform": (
        "tfx",
        "tensorflow-transform",
        "tensorflow",
        "tokenizers",
        "numpy",
        "pyarrow",
        "tfx-bsl",
        "apache-beam",
    ),
    "train": (
        "tfx",
        "tensorflow-transform",
        "tokenizers",
        "kubeflow-trainer-api",
        "kubernetes",
        "urllib3",
        "apache-beam",
        *_EXPORT_LIBRARIES,
    ),
    "baseline": ("tfx", *_EXPORT_LIBRARIES),
    "score": (
        "tfx",
        "tensorflow-model-analysis",
        "tensorflow-transform",
        "tensorflow",
        "keras",
        "tokenizers",
        "numpy",
        "pyarrow",
        "sacrebleu",
        "tfx-bsl",
        "apache-beam",
    ),
    "evaluate": ("tfx", "tensorflow-model-analysis", "numpy", "pyarrow", "tfx-bsl", "apache-beam"),
    "gate": ("tfx", "tensorflow-model-analysis", *_EXPORT_LIBRARIES),
    "push": ("tfx", *_EXPORT_LIBRARIES),
}


def source_files(source: str) -> list[Path]:
    """Python files of an entry of `SOURCES`: a file, or all below a directory."""
    path = _PROJECT / source
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@functools.cache
def _source_digest(source: str) -> str:
    digest = hashlib.sha256()
    for file in source_files(source):
        name = str(file.relative_to(_PROJECT)).encode()
        digest.update(len(name).to_bytes(4, "big") + name + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def library_versions(step: str) -> dict[str, str]:
    """Installed versions of Python and of the libraries that a step uses."""
    installed = {name: importlib.metadata.version(name) for name in LIBRARIES[step]}
    return {"python": platform.python_version(), **installed}


def step_fingerprint(step: str) -> str:
    """Digest of a step's sources and library versions, 16 hex digits.

    Args:
        step: a key of `SOURCES`.
    """
    parts = [f"{source}={_source_digest(source)}" for source in SOURCES[step]]
    parts += [f"{name}=={version}" for name, version in library_versions(step).items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def source_fingerprint(step: str) -> str:
    """Digest of a step's sources alone, 16 hex digits; empty for a step of no sources of ours.

    Args:
        step: a key of `SOURCES`, or any other step.
    """
    parts = [f"{source}={_source_digest(source)}" for source in SOURCES.get(step, ())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16] if parts else ""


def all_library_versions() -> dict[str, str]:
    """Installed versions of Python and of every library that some step uses."""
    return {name: version for step in LIBRARIES for name, version in library_versions(step).items()}
