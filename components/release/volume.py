"""Releases on the state volume: one directory each, whole or not there, old ones removed."""

from __future__ import annotations

import re
import shutil
import uuid
from pathlib import Path

from absl import logging

from components.push import lock, manifest
from components.release.record import VERSION_DIRECTORY
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point

SERVED = "served.json"
_STAGING = ".staging-"
_RELEASE = re.compile(r"(\d+)-[0-9a-f]{12}", re.ASCII)


def publish(version_directory: Path, release_id: str, root: Path, keep: int) -> Path:
    """Makes `<root>/<release id>/1` a copy of a pushed version, and removes old releases.

    A copy and no hard link, because the two may lie on different volumes and a link would let a damage of one
    reach the other. It appears by one rename, so a pod that mounts the volume never reads half of it.

    Args:
        version_directory: directory of the version, with its manifest.
        release_id: name of the release, from `release_id`.
        root: directory of all releases of one model.
        keep: releases that stay, besides the one served now and the one before; at least 2.

    Returns:
        The directory of the release.

    Raises:
        OSError: if a file operation failed.
        TandemError: `PUSH-002` if another process holds the lock, `PUSH-004` if the copy is not whole.
    """
    target = root / release_id
    with lock.hold(root):
        for left in sorted(root.glob(f"{_STAGING}*")):
            point("release.remove_torn", left)
            shutil.rmtree(left)
        if not manifest.is_whole(target / VERSION_DIRECTORY):
            _write(version_directory, target)
        collect(root, keep, release_id)
    return target


def collect(root: Path, keep: int, newest: str) -> list[str]:
    """Removes old releases; the caller holds the lock.

    The releases that `served.json` names stay: the cluster serves one, and a roll back needs the other. When
    that file cannot be read nothing is removed.

    Args:
        root: directory of all releases of one model.
        keep: number of newest releases that stay.
        newest: the release just made, which stays too.

    Returns:
        Names of the removed releases.
    """
    try:
        held = {*read_served(root), newest}
    except (OSError, ValueError, LookupError, TypeError) as error:
        logging.warning("Old releases in %s stay: %s cannot be read: %s.", root, SERVED, error)
        return []
    found = [match for path in root.iterdir() if path.is_dir() and (match := _RELEASE.fullmatch(path.name))]
    ordered = sorted(found, key=lambda match: (int(match[1]), match[0]), reverse=True)
    removed = [match[0] for match in ordered[keep:] if match[0] not in held]
    for name in removed:
        # Renamed first, so that a removal that is cut off leaves no half of a release.
        point("release.collect", name)
        shutil.rmtree((root / name).rename(root / f"{_STAGING}{name}-{uuid.uuid4().hex}"))
        logging.info("Removed the old release %s.", root / name)
    return removed


def write_served(root: Path, names: list[str]) -> None:
    """Records which releases the cluster may start pods from, so that none of them is removed.

    Args:
        root: directory of all releases of one model.
        names: names of releases, the one served now first.
    """
    storage.write_json(root / SERVED, {"releases": list(dict.fromkeys(names))})


def read_served(root: Path) -> list[str]:
    """Reads what `write_served` wrote; empty when nothing was served.

    Raises:
        OSError, ValueError, LookupError, TypeError: if there is a record that cannot be read.
    """
    try:
        told = manifest.load_json(root / SERVED)["releases"]
    except FileNotFoundError:
        return []
    if not isinstance(told, list):
        raise TypeError(f"releases={told!r}")
    return [str(name) for name in told]


def release_id(version: int, digest: str) -> str:
    """Name of the release of a version: equal for equal pushes, in the order of versions."""
    return f"{version}-{digest[:12]}"


def _write(version_directory: Path, target: Path) -> None:
    staging = target.parent / f"{_STAGING}{target.name}-{uuid.uuid4().hex}"
    aside = target.parent / f"{_STAGING}{target.name}-{uuid.uuid4().hex}"
    try:
        storage.copy_tree(version_directory, staging / VERSION_DIRECTORY)
        manifest.verify(staging / VERSION_DIRECTORY)
        storage.fsync_directory(staging)
        point("release.rename", target)
        if target.exists():
            logging.warning("The release %s was damaged and is written again.", target)
            target.rename(aside)
        staging.rename(target)
        storage.fsync_directory(target.parent)
    except TandemError as error:
        logging.warning("The copy to %s is not whole: %s", target, error)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
