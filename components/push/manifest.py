"""The manifest of a pushed version: what was pushed, and the SHA-256 of every file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from trainer import storage
from trainer.errors import TandemError

FILE_NAME = "MANIFEST.json"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What one version directory holds.

    Args:
        name: name of the served model.
        version: integer version, at least 1.
        digest: digest of the model, see `trainer.export.digest`.
        run_id: run that pushed it.
        created: UTC time of the push, ISO 8601; information only, nothing is ordered by it.
        files: size and SHA-256 of every file but the manifest, by relative path.
        metrics: metrics of the model at its blessing.
        fingerprint: text that names the inputs of the run. Defaults to `""`.
        registry_state: state of the registry the run was started under. Defaults to `""`.
    """

    name: str
    version: int
    digest: str
    run_id: str
    created: str
    files: dict[str, dict[str, Any]]
    metrics: dict[str, Any]
    fingerprint: str = ""
    registry_state: str = ""

    def write(self, directory: Path) -> None:
        """Writes the manifest into `directory`, atomically."""
        storage.write_json(directory / FILE_NAME, dataclasses.asdict(self))


def read(directory: Path) -> Manifest:
    """Reads the manifest of a version directory without looking at the files it lists.

    Raises:
        TandemError: `PUSH-004` if it is missing or not a manifest.
    """
    path = directory / FILE_NAME
    try:
        value = load_json(path)
        manifest = Manifest(**value)
    except FileNotFoundError as error:
        raise _damaged(directory, f"{FILE_NAME} is missing") from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(directory, f"{FILE_NAME} cannot be read: {error}") from error
    expected = {"version": int, "files": dict, "metrics": dict}
    for field in dataclasses.fields(Manifest):
        received = value.get(field.name, "")
        kind = expected.get(field.name, str)
        if not isinstance(received, kind) or isinstance(received, bool):
            raise _damaged(
                directory, f"{FILE_NAME} must hold a {kind.__name__}. Received: {field.name}={received!r}"
            )
    return manifest


def load_json(path: Path) -> Any:
    """Reads a JSON file, and only what can be written as JSON again.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not JSON, or holds NaN or an infinity.
        RecursionError: if it is nested too deeply.
    """
    value = json.loads(path.read_bytes())
    json.dumps(value, allow_nan=False)
    return value


def plain(text: str) -> str:
    """`text` with halves of surrogate pairs, which JSON can spell and no file can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def verify(directory: Path) -> Manifest:
    """Checks every file of a version directory against its manifest.

    Returns:
        The manifest of the whole version.

    Raises:
        TandemError: `PUSH-004` naming the first missing, extra or changed file, or a symbolic link.
    """
    manifest = read(directory)
    try:
        found = storage.list_tree(directory)
    except OSError as error:
        raise _damaged(directory, str(error)) from error
    found.pop(FILE_NAME, None)
    for file in sorted(manifest.files.keys() | found.keys()):
        if file not in found:
            raise _damaged(directory, f"{file} is missing")
        if file not in manifest.files:
            raise _damaged(directory, f"{file} is not in the manifest")
        if (directory / file).is_symlink():
            raise _damaged(directory, f"{file} is a symbolic link")
        if found[file] != manifest.files[file]:
            raise _damaged(directory, f"{file} differs from the manifest")
    return manifest


def is_whole(directory: Path) -> bool:
    """Tells whether `verify` accepts the directory."""
    try:
        verify(directory)
    except TandemError:
        return False
    return True


def digest(directory: Path) -> str:
    """SHA-256 of the manifest file itself, kept in the registry.

    Raises:
        TandemError: `PUSH-004` if it cannot be read.
    """
    try:
        return storage.sha256_file(directory / FILE_NAME)
    except OSError as error:
        raise _damaged(directory, f"{FILE_NAME} cannot be read: {error}") from error


def _damaged(directory: Path, why: str) -> TandemError:
    return TandemError(
        "PUSH-004",
        f"Expected a whole model version in {directory}: {plain(why)}.",
        "Restore the directory from a copy, or set it aside by renaming it to "
        f"{directory.name.split('.')[0]}.denied.",
    )
