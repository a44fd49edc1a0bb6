"""The files that the data section selects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.ingest.problems import data_error
from components.ingest.sources import Source, find, relative_name
from components.ingest.spans import Resolved, resolve


@dataclasses.dataclass(frozen=True)
class Selected:
    """The files to read, and the spans they belong to."""

    sources: tuple[Source, ...]
    resolved: Resolved


def _parallel(data: Mapping[str, Any], base: Path) -> Selected:
    """The k-th files of all columns, in the order of their names, belong together."""
    columns = list(data["lines"])
    globs = _split_files(data["split"]) if data["split"]["by"] == "files" else {}
    resolved = resolve([*data["lines"].values(), *globs.values()], data["span"], data["window"], base)
    found = [
        [source.path for pattern in patterns for source in find(pattern, "lines", base)]
        for patterns in resolved.patterns
    ]
    found, chosen = found[: len(columns)], dict(zip(globs, found[len(columns) :], strict=True))
    if len({len(paths) for paths in found}) > 1:
        told = ", ".join(f"{name} {len(paths)}" for name, paths in zip(columns, found, strict=True))
        raise data_error(
            "INGEST-020",
            f"expected as many files of parallel lines for each column. Received: files={told}.",
            "Correct the globs of `data.lines`.",
        )
    sources = []
    for paths in zip(*found, strict=True):
        name = " + ".join(dict.fromkeys(relative_name(path, base) for path in paths))
        splits = [split for split, files in chosen.items() if paths[0] in files]
        if len(splits) > 1:
            raise data_error(
                "INGEST-001", f"expected each file in one split. Received: files={[name]} in several."
            )
        if splits or not globs:
            split = splits[0] if splits else None
            sources.append(Source(paths[0], name, "lines", split, tuple(zip(columns, paths, strict=True))))
    if not sources:
        raise data_error(
            "INGEST-002",
            f"expected files of {columns[0]!r} in the splits. Received: data.split={globs}.",
            f"Name files that `data.lines` gives to {columns[0]!r}, the first column.",
        )
    return Selected(tuple(sources), resolved)


def _split_files(split: Mapping[str, Any]) -> dict[str, str]:
    """The globs of a split by files."""
    given = {name: split[f"{name}_files"] for name in ("train", "validation", "eval")}
    return {name: glob for name, glob in given.items() if glob}


def select(data: Mapping[str, Any], base: Path) -> Selected:
    """Finds the files of `data.path`, of `data.lines`, or of the globs of a split by files.

    Raises:
        TandemError: `INGEST-001` without a path, `INGEST-002` without files, `INGEST-016` without spans,
            `INGEST-020` if the columns of parallel lines have different numbers of files.
    """
    split = data["split"]
    if data.get("lines"):
        return _parallel(data, base)
    if split["by"] == "files":
        named: list[tuple[str | None, str]] = list(_split_files(split).items())
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
