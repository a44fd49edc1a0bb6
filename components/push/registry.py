"""What was pushed: version directories, their records, and how the two are brought together.

The serving directory is the truth about what is served, because a model server reads it: `7` is live and
`7.denied` is not. A record `registry/<name>/7.json` repeats the manifest and survives the directory.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import shutil
from pathlib import Path
from typing import Any

from absl import logging

from components.push import manifest
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point

LIVE, DENIED = "live", "denied"
STAGING_PREFIX = ".staging-"
DENIED_SUFFIX = ".denied"


@dataclasses.dataclass(frozen=True)
class Blessed:
    """A live version, found whole.

    Args:
        version: integer version.
        path: its directory in the serving directory.
        digest: digest of the model.
        run_id: run that pushed it.
        metrics: metrics of the model at its blessing.
    """

    version: int
    path: Path
    digest: str
    run_id: str
    metrics: dict[str, Any]


def directories(serving_root: Path, name: str, status: str = LIVE) -> dict[int, Path]:
    """Version directories of one status, by version in rising order; empty when nothing was pushed."""
    pattern = re.compile(r"(\d+)" + (re.escape(DENIED_SUFFIX) if status == DENIED else ""), re.ASCII)
    root = serving_root / name
    paths = list(root.iterdir()) if root.is_dir() else []
    matches = [(pattern.fullmatch(path.name), path) for path in paths]
    return dict(sorted((int(match[1]), path) for match, path in matches if match and path.is_dir()))


def served_version(serving_root: Path, name: str) -> int | None:
    """The version a model server loads: the greatest integer directory name, or none."""
    return max(directories(serving_root, name), default=None)


def record_path(registry_root: Path, name: str, version: int) -> Path:
    """Where the record of a version lies."""
    return registry_root / name / f"{version}.json"


def recorded_versions(registry_root: Path, name: str) -> list[int]:
    """Versions that have a record, readable or not, in rising order."""
    root = registry_root / name
    paths = root.glob("*.json") if root.is_dir() else iter(())
    return sorted(int(path.stem) for path in paths if re.fullmatch(r"\d+", path.stem, re.ASCII))


def read_record(registry_root: Path, name: str, version: int) -> dict[str, Any] | None:
    """Reads the record of a version.

    Returns:
        The record, or none when the version has no record.

    Raises:
        TandemError: `PUSH-005` if there is a record that cannot be read.
    """
    path = record_path(registry_root, name, version)
    try:
        value = manifest.load_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, f"it cannot be read: {error}") from error
    texts = ("digest", "run_id", "status", "manifest_digest")
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in texts):
        raise _unusable(path, f"it lacks one of {list(texts)}")
    if value["status"] not in (LIVE, DENIED) or value.get("version") != version:
        raise _unusable(path, f"status={value['status']!r}, version={value.get('version')!r}")
    return value


def write_record(
    registry_root: Path, name: str, version: int, directory: Path, status: str, reason: str = ""
) -> bool:
    """Writes the status of a version, atomically; the rest comes from its record or else its manifest.

    Returns:
        False if neither can be read, so that nothing was written.
    """
    try:
        record = read_record(registry_root, name, version)
    except TandemError as error:
        logging.warning("%s", error)
        record = None
    if record is None:
        try:
            contents = manifest.read(directory)
            record = {
                "version": version,
                "digest": contents.digest,
                "run_id": contents.run_id,
                "pushed_at": contents.created,
                "metrics": contents.metrics,
                "manifest_digest": manifest.digest(directory),
                "fingerprint": contents.fingerprint,
                "registry_state": contents.registry_state,
            }
        except TandemError as error:
            logging.warning("%s It has no record.", error)
            return False
    record = {key: record[key] for key in record if key not in ("denied_at", "reason")} | {"status": status}
    if status == DENIED:
        record |= {"denied_at": utc_now(), "reason": reason}
    storage.write_json(record_path(registry_root, name, version), record)
    return True


def next_version(serving_root: Path, name: str, registry_root: Path) -> int:
    """One more than every number ever used, whether live, denied or only recorded; the clock has no part."""
    used = [
        *directories(serving_root, name),
        *directories(serving_root, name, DENIED),
        *recorded_versions(registry_root, name),
    ]
    return max(used, default=0) + 1


def recover(serving_root: Path, name: str, registry_root: Path) -> list[int]:
    """Finishes what a dead pusher left; the caller holds the lock.

    Removes torn copies and half-written records, and makes each record agree with its directory: a version
    without a record gets one from its manifest, a renamed directory changes the status.

    Returns:
        Versions now recorded as denied that were not before: rollbacks cut off before their record.
    """
    for path in sorted((serving_root / name).glob(f"{STAGING_PREFIX}*")):
        logging.info("Removing %s, left by a push that did not end.", path)
        point("registry.remove_torn")
        shutil.rmtree(path)
    storage.remove_unfinished(registry_root / name)
    newly_denied = []
    for status in (LIVE, DENIED):
        for version, directory in directories(serving_root, name, status).items():
            if _status(registry_root, name, version) == status:
                continue
            written = write_record(
                registry_root, name, version, directory, status, "renamed without a record"
            )
            if written and status == DENIED:
                newly_denied.append(version)
    return newly_denied


def newest_with_digest(
    serving_root: Path, name: str, registry_root: Path, digest: str
) -> tuple[int, str] | None:
    """Finds the newest version, live or denied, that had a digest.

    Returns:
        `(version, status)`, or none. A version whose directory is gone counts by its record.

    Raises:
        TandemError: `PUSH-005` if a record cannot be read, since it may be the one that denies the digest.
    """
    live = directories(serving_root, name)
    denied = directories(serving_root, name, DENIED)
    for version in sorted({*live, *denied, *recorded_versions(registry_root, name)}, reverse=True):
        record = read_record(registry_root, name, version)
        if record is not None and record["digest"] == digest:
            status = LIVE if version in live else DENIED if version in denied else record["status"]
            return version, status
    return None


def newest_blessed(serving_root: Path, name: str, registry_root: Path) -> Blessed | None:
    """Finds the newest live version and checks it against its manifest and record; changes nothing.

    Returns:
        The version, or none when neither the registry nor the serving directory names one.

    Raises:
        TandemError: `PUSH-004` if the newest one is damaged, `PUSH-005` if it is missing or its record
            cannot be read or speaks of another model. An older version never stands in for it.
    """
    live = directories(serving_root, name)
    denied = directories(serving_root, name, DENIED)
    named = set(live) | {
        version
        for version in recorded_versions(registry_root, name)
        if version not in denied and _status(registry_root, name, version) != DENIED
    }
    if not named:
        return None
    version = max(named)
    path = record_path(registry_root, name, version)
    if version not in live:
        raise _unusable(path, f"{serving_root / name / str(version)} is missing")
    record = read_record(registry_root, name, version)
    contents = manifest.verify(live[version])
    if contents.version != version or contents.name != name:
        raise _unusable(path, f"the manifest is of {contents.name}, version {contents.version}")
    if record is not None and (
        record["digest"] != contents.digest or record["manifest_digest"] != manifest.digest(live[version])
    ):
        raise _unusable(path, "its digests differ from those of the version directory")
    return Blessed(version, live[version], contents.digest, contents.run_id, contents.metrics)


def utc_now() -> str:
    """UTC time as ISO 8601 text with seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _status(registry_root: Path, name: str, version: int) -> str | None:
    try:
        record = read_record(registry_root, name, version)
    except TandemError:
        return None
    return record["status"] if record is not None else None


def _unusable(path: Path, why: str) -> TandemError:
    return TandemError(
        "PUSH-005",
        f"Expected {path} to name a version that is there: {manifest.plain(why)}.",
        "Restore the version directory, or remove the record if the version shall be forgotten.",
    )
