"""A digest of everything that an ingestion reads, so that unchanged input is not read again."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.ingest.inputs import select
from components.ingest.prepare import inputs, split_reference
from components.ingest.sources import Source, relative_name
from trainer.storage import sha256_file


@functools.lru_cache(maxsize=4096)
def _content(path: Path, size: int, modified_ns: int) -> str:
    del size, modified_ns
    return sha256_file(path)


def _entry(path: Path, base: Path, **more: Any) -> dict[str, Any]:
    status = path.stat()
    content = _content(path, status.st_size, status.st_mtime_ns)
    return {"name": relative_name(path, base), "size": status.st_size, "sha256": content, **more}


def _entries(source: Source, base: Path) -> list[dict[str, Any]]:
    if source.parts:
        return [_entry(path, base, column=column, split=source.split) for column, path in source.parts]
    return [_entry(source.path, base, split=source.split)]


def fingerprint(data: Mapping[str, Any], base_directory: Path) -> str:
    """Digest of the input files: names, sizes and contents, split and span.

    With `data.prepare`, of the prepare file and of the files that its function `inputs()` names; a prepare
    step that reads anything else is not noticed. The place of the base directory does not matter.

    Args:
        data: the data section.
        base_directory: directory of the config file.

    Returns:
        64 hexadecimal digits.

    Raises:
        TandemError: as `ingest` does when files are not found or the prepare file does not load.
    """
    value: dict[str, Any] = {}
    if data["prepare"]:
        path, function = split_reference(data["prepare"], base_directory)
        value["prepare"] = [_entry(path, base_directory), function]
        value["files"] = [_entry(file, base_directory) for file in inputs(data["prepare"], base_directory)]
    else:
        selected = select(data, base_directory)
        value["spans"] = [selected.resolved.spans, selected.resolved.version]
        value["files"] = [entry for source in selected.sources for entry in _entries(source, base_directory)]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
