"""The files that the data section selects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.ingest.problems import data_error
from components.ingest.sources import Source, find
from components.ingest.spans import Resolved, resolve


@dataclasses.dataclass(frozen=True)
class Selected:
    """The files to read, and the spans they belong to."""

    sources: tuple[Source, ...]
    resolved: Resolved


def select(data: Mapping[str, Any], base: Path) -> Selected:
    """Finds the files of `data.path`, or of the globs of a split by files.

    Raises:
        TandemError: `INGEST-001` without a path, `INGEST-002` without files, `INGEST-016` without spans.
    """
    split = data["split"]
    if split["by"] == "files":
        given = {name: split[f"{name}_files"] for name in ("train", "validation", "eval")}
        named: list[tuple[str | None, str]] = [(name, glob) for name, glob in given.items() if glob]
    elif data["path"]:
        named = [(None, data["path"])]
    else:
        raise data_error(
            "INGEST-001", "expected `data.path` or `data.prepare`. Received: neither.", "Set one of them."
        )
    resolved = resolve([pattern for _, pattern in named], data["span"], data["window"], base)
    sources: list[Source] = []
    for (name, _), patterns in zip(named, resolved.patterns, strict=True):
        for pattern in patterns:
            sources += find(pattern, data["format"], base, name)
    paths = [source.path for source in sources]
    twice = sorted({source.name for source in sources if paths.count(source.path) > 1})
    if twice:
        raise data_error(
            "INGEST-001", f"expected each file in one split. Received: files={twice[:5]} in several."
        )
    return Selected(tuple(sources), resolved)
