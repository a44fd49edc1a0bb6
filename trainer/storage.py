"""Files that are whole or absent: atomic writes, digests."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from trainer.faults import point

_UNFINISHED = ".unfinished"


def fsync_directory(path: Path) -> None:
    """Makes renames inside `path` durable."""
    point("storage.fsync_directory", path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, content: bytes | str, durable: bool = True) -> None:
    """Writes `content` to `path` so that a reader sees the old file or the whole new one.

    Args:
        path: directories are made.
        content: text is written as UTF-8.
        durable: whether to wait for the disk, so that a power failure loses nothing. Defaults to `True`.
    """
    data = content.encode() if isinstance(content, str) else content
    point("storage.open", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(_UNFINISHED, f".{path.name}.", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            point("storage.write", path, Path(temporary))
            if durable:
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        point("storage.replace", path)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        fsync_directory(path.parent)


def remove_unfinished(directory: Path) -> None:
    """Removes what killed processes left of `write_atomic`; nothing else may write in `directory` now."""
    for path in directory.glob(f".*{_UNFINISHED}"):
        point("storage.remove_unfinished")
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    """Writes `value` as indented JSON with sorted keys, atomically; non-finite numbers are refused.

    `durable` is that of `write_atomic`.
    """
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", durable)


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def list_tree(root: Path) -> dict[str, dict[str, Any]]:
    """Lists every file below `root` with its size and SHA-256.

    Returns:
        `{relative path with forward slashes: {"bytes": int, "sha256": hex text}}`, sorted by path. A symbolic
        link to a directory counts as a file and cannot be read.

    Raises:
        OSError: if `root` is no directory or a file cannot be read.
    """
    return {
        file.relative_to(root).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
        for file in _files(root)
    }


def copy_tree(source: Path, destination: Path) -> None:
    """Copies the directory `source` to the new directory `destination`, every file and directory on disk.

    Contents only: permissions and times are not kept, a symbolic link to a file is copied as that file.

    Raises:
        OSError: if `destination` exists or a file operation fails; what was copied so far stays.
    """
    point("storage.copy_tree", destination)
    destination.mkdir(parents=True)
    for folder, folders, names in os.walk(source, onerror=_reraise):
        target = destination / Path(folder).relative_to(source)
        for name in sorted(folders):
            (target / name).mkdir()
        for name in sorted(names):
            with (Path(folder) / name).open("rb") as reader, (target / name).open("xb") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)
                writer.flush()
                point("storage.copy", name, target / name)
                os.fsync(writer.fileno())
        fsync_directory(target)


def _files(root: Path) -> list[Path]:
    found = []
    for folder, folders, names in os.walk(root, onerror=_reraise):
        found += [Path(folder) / name for name in names]
        found += [Path(folder) / name for name in folders if (Path(folder) / name).is_symlink()]
    return sorted(found)


def _reraise(error: OSError) -> None:
    raise error
