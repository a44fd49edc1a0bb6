"""The release: a pushed version becomes one directory that a model server of the cluster can read."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging

from components.push import manifest, registry
from components.push.manifest import Manifest
from components.release import volume
from components.release.record import VERSION_DIRECTORY, Release
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point

STORAGES = ("artifact", "volume", "none")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where releases go.

    Args:
        storage: `artifact` copies into the output artifact, `volume` into `releases`, `none` to neither.
        releases: directory of the releases of all models, on the state volume. Defaults to `""`.
        keep_releases: releases kept there, at least 2. Defaults to `5`.
        mirror: URI of a second serving directory. Defaults to `""`, for none.

    Raises:
        TandemError: `SERVE-002` if a value cannot be used.
    """

    storage: str
    releases: str = ""
    keep_releases: int = 5
    mirror: str = ""

    def __post_init__(self) -> None:
        if (
            self.storage not in STORAGES
            or (self.storage == "volume" and not self.releases)
            or type(self.keep_releases) is not int
            or self.keep_releases < 2
            or not isinstance(self.mirror or "", str)
        ):
            raise _unusable(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Reads the parameter `settings` of the component.

        Raises:
            TandemError: `SERVE-002` if it cannot be understood.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise _unusable(text) from error


def release(
    pushed: Mapping[str, Any], serving_root: Path, name: str, directory: Path, settings: Settings
) -> Release:
    """Releases what a push came to.

    Every file is compared with the SHA-256 that the push recorded. A version that was replaced by a newer one
    meanwhile is not released, so that a late or repeated step never takes the service back to it.

    Args:
        pushed: contents of `push.json`.
        serving_root: directory of all served models.
        name: name of the served model.
        directory: directory of the output artifact.
        settings: where it goes.

    Returns:
        The release; one that says so when nothing was pushed, which raises nothing.

    Raises:
        TandemError: `PUSH-004` if the version is damaged, `SERVE-003` if it is not there or another one,
            `SERVE-004` if a file operation failed, and what the mirror raises.
    """
    if not pushed.get("pushed"):
        return _nothing(name, str(pushed.get("reason") or "nothing was pushed"))
    version, digest = int(pushed["version"]), str(pushed["digest"])
    live = registry.directories(serving_root, name)
    newest = max(live, default=0)
    if version not in live:
        raise _missing(serving_root / name / str(version), "it is missing, or was taken back")
    if newest > version:
        return _nothing(name, f"version {newest} was pushed after version {version}")
    source = live[version]
    try:
        contents = manifest.verify(source)
        if (contents.version, contents.digest) != (version, digest):
            raise _missing(source, f"its manifest is of version {contents.version}, {contents.digest}")
        release_id = volume.release_id(version, digest)
        path = _place(source, contents, release_id, name, directory, settings)
    except OSError as error:
        raise TandemError(
            "SERVE-004",
            f"Expected to copy {source} to its release. Received: error={error}",
            "Free space or restore access, then run the step again; what is served stays as it is.",
        ) from error
    uri, uploaded = _mirror(source, contents, settings.mirror)
    logging.info("Released version %d of %s.", version, name)
    return Release(
        released=True,
        name=name,
        version=version,
        digest=digest,
        run_id=contents.run_id,
        release_id=release_id,
        path=path,
        mirror=uri,
        uploaded=uploaded,
    )


def _place(
    source: Path, contents: Manifest, release_id: str, name: str, directory: Path, settings: Settings
) -> str:
    if settings.storage == "volume":
        root = Path(settings.releases) / name
        return str(volume.publish(source, release_id, root, settings.keep_releases))
    if settings.storage == "artifact":
        target = directory / VERSION_DIRECTORY
        if target.exists():
            point("release.remove_left", target)
            shutil.rmtree(target)
        storage.copy_tree(source, target)
        if manifest.verify(target) != contents:
            raise _missing(source, "it changed while it was copied")
    return ""


def _mirror(source: Path, contents: Manifest, uri: str) -> tuple[str, int]:
    if not uri:
        return "", 0
    # Loads pyarrow, which a release without a mirror does without.
    from components.release import mirror

    return mirror.copy(source, contents, uri)


def _nothing(name: str, reason: str) -> Release:
    logging.info("Nothing is released: %s.", reason)
    return Release(released=False, name=name, reason=reason)


def _missing(path: Path, why: str) -> TandemError:
    return TandemError(
        "SERVE-003",
        f"Expected the pushed version in {path}. Received: {why}",
        "Run the pipeline again, so that the gate and the push decide on what is there now.",
    )


def _unusable(received: object) -> TandemError:
    return TandemError(
        "SERVE-002",
        f"Expected settings of a release with storage {' or '.join(STORAGES)}, a directory `releases` for "
        f"volume and keep_releases of at least 2. Received: settings={received!r}",
        "Compile the pipeline again with `tandem compile`.",
        exit_status=2,
    )
