"""A second serving directory, local or in object storage, that each pushed version is copied to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging

from components.push import manifest
from components.push.manifest import Manifest
from components.release.locations import is_local, open_location
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point

LAST = "saved_model.pb"
_BLOCK_BYTES = 1 << 20
_UNFINISHED = ".unfinished"


def copy(directory: Path, contents: Manifest, mirror: str) -> tuple[str, int]:
    """Copies a pushed version to `<mirror>/<name>/<version>/`.

    A model server polls that directory and loads a version as soon as it can. So the manifest goes first,
    which tells a later call whose copy this is, and `saved_model.pb` last, when every other file was read
    back and had the recorded SHA-256: a copy that was cut off never looks whole, and the next call
    completes it. Files that are there already are compared and not copied again.

    Args:
        directory: directory of the version.
        contents: its manifest, checked against the files.
        mirror: URI, `gs://`, `s3://` or `file://`.

    Returns:
        URI of the version in the mirror and the number of files copied.

    Raises:
        TandemError: `SERVE-005` if the mirror cannot be reached, read or written, `SERVE-006` if the version
            is there with other content, `SERVE-007` if a file that was read back differs, `SERVE-008` if the
            URI cannot be used.
    """
    uri = f"{mirror.rstrip('/')}/{contents.name}/{contents.version}"
    wanted = {
        manifest.FILE_NAME: storage.sha256_file(directory / manifest.FILE_NAME),
        **{file: str(told["sha256"]) for file, told in contents.files.items()},
    }
    ordered = sorted(wanted, key=lambda file: (file != manifest.FILE_NAME, file == LAST, file))
    copied = 0
    try:
        files, root = open_location(uri)
        there = _compare(files, root, wanted, uri)
        for name in ordered:
            if not there.get(name, False):
                _upload(files, directory / name, f"{root}/{name}", wanted[name])
                copied += 1
    except OSError as error:
        raise _unreachable(uri, error) from error
    logging.info("Copied %d files to %s; the others were there.", copied, uri)
    return uri, copied


def _compare(files: Any, root: str, wanted: dict[str, str], uri: str) -> dict[str, bool]:
    """By file that is there: whether it is as wanted. Refuses what another writer left.

    Without the manifest of this very push nothing there may be ours. With `saved_model.pb` the copy was
    finished once, so a difference is damage, and a model server may have loaded it.
    """
    from pyarrow import fs

    found = files.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
    names = {info.path[len(root) + 1 :] for info in found if info.type == fs.FileType.File}
    names = {name for name in names if not name.endswith(_UNFINISHED)}
    same = {name: name in wanted and _sha256(files, f"{root}/{name}") == wanted[name] for name in names}
    foreign = sorted(names - wanted.keys())
    changed = sorted(name for name in names if not same[name])
    missing = sorted(wanted.keys() - names) if LAST in names else []
    if names and (foreign or not same.get(manifest.FILE_NAME) or (LAST in names and (changed or missing))):
        raise TandemError(
            "SERVE-006",
            f"Expected {uri} to be absent, or a copy of this very version. Received: files of others="
            f"{foreign[:3]}, changed={changed[:3]}, missing={missing[:3]}",
            "Look who else writes there; remove that directory if it is not served, then run the step again.",
        )
    return same


def _upload(files: Any, source: Path, target: str, sha256: str) -> None:
    """Copies one file and reads it back."""
    point("mirror.upload", source)
    if is_local(files):
        _write_local(source, Path(target))
    else:
        # A stream that is left by an exception still makes an object of what it got: the last file, which
        # makes the version look whole, is read before the stream is opened.
        blocks = iter([source.read_bytes()]) if source.name == LAST else _blocks(source)
        with files.open_output_stream(target) as stream:
            for block in blocks:
                stream.write(block)
    point("mirror.uploaded", source)
    received = _sha256(files, target)
    if received != sha256:
        files.delete_file(target)
        raise TandemError(
            "SERVE-007",
            f"Expected {target} to read back as it was written, sha256={sha256}. Received: sha256={received}",
            "Run the step again; if it happens again, the storage or the way to it damages files.",
        )


def _write_local(source: Path, target: Path) -> None:
    point("mirror.write", target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}{_UNFINISHED}")
    with temporary.open("wb") as file:
        for block in _blocks(source):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
    storage.fsync_directory(target.parent)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _sha256(files: Any, path: str) -> str:
    digest = hashlib.sha256()
    with files.open_input_stream(path) as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _unreachable(uri: str, error: OSError) -> TandemError:
    return TandemError(
        "SERVE-005",
        f"Expected to read and write the mirror {uri}. Received: error={error}",
        "Check that the bucket exists, that the step's credentials may read, write, list and delete there, "
        "and that AWS_ENDPOINT_URL names the server if it is not the provider's; then run the step again.",
    )
