"""Compares the kept schema with what the newest data says, and keeps the new one on request."""

from __future__ import annotations

import difflib
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from components.adapter import read_statistics
from components.schema.core import KeptSchemas, infer, to_text
from pipeline import plan
from pipeline.config import Config, load
from pipeline.root import Root
from pipeline.runs.store import RunStore
from trainer.errors import TandemError


def _newest_statistics(root: Root, name: str) -> Path:
    for _, summary in RunStore(root).summaries():
        uri = summary.get("statistics_uri")
        if summary.get("name") == name and uri and (root.path / uri).is_dir():
            return root.path / uri
    raise TandemError(
        "SCHEMA-003",
        f"Expected statistics of a run of {name}. Received: none below {root.path}",
        "Make them with `tandem run CONFIG`.",
        exit_status=2,
    )


def _proposed(config: Config, root: Root) -> schema_pb2.Schema:
    statistics = read_statistics(_newest_statistics(root, config.name), "train")
    if statistics is None:
        raise TandemError("SCHEMA-002", "Expected statistics of the train split. Received: none")
    return infer(
        statistics,
        plan.columns(config),
        config.label.column,
        config.check.min_domain_mass,
        config.check.max_missing_increase,
    )


def changes(config_path: Path, root: Path | None) -> list[str]:
    """Lines of a unified diff from the kept schema to the one inferred from the newest data."""
    config, place = load(config_path), Root.beside(config_path, root)
    kept = KeptSchemas(place.schema / config.name)
    old = kept.read(kept.version())
    name = f"version {kept.version()}" if old else "none kept"
    before = to_text(old or schema_pb2.Schema()).splitlines()
    after = to_text(_proposed(config, place)).splitlines()
    return list(difflib.unified_diff(before, after, name, "newest data", lineterm="", n=12))


def accept(config_path: Path, root: Path | None) -> tuple[int, bool]:
    """Keeps the schema inferred from the newest data.

    Returns:
        `(version, is_new)`: the version kept, and whether it differs from the one before.
    """
    config, place = load(config_path), Root.beside(config_path, root)
    kept = KeptSchemas(place.schema / config.name)
    proposed = _proposed(config, place)
    # Not read: accepting is also the way out of a kept schema that is damaged.
    newest = kept.path(kept.version())
    if newest.exists() and newest.read_bytes() == to_text(proposed).encode():
        return kept.version(), False
    version = kept.version() + newest.exists()
    kept.keep(proposed, version)
    return version, True
