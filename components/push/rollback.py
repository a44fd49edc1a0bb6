"""Taking a version back: it is renamed so that a model server no longer sees it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from absl import logging

from components.push import lock, manifest, registry
from components.push.push import file_error
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point


@dataclasses.dataclass(frozen=True)
class RollbackResult:
    """What a rollback came to.

    Args:
        denied: versions taken back, in rising order.
        served: version served now.
        already: whether they had been taken back before this call, by hand or by a rollback that was cut off,
            so that it changed nothing that is served. Defaults to `False`.
    """

    denied: tuple[int, ...]
    served: int
    already: bool = False


def rollback(
    serving_root: Path,
    name: str,
    registry_root: Path,
    reason: str = "",
    version: int | None = None,
    wait_seconds: float = 30.0,
) -> RollbackResult:
    """Renames the newest version `N` to `N.denied`, so that the newest whole version before it is served.

    Damaged versions in between are taken back first, so at no moment is one of them the newest. The number of
    a denied version is never used again, and its digest is not pushed again by itself. When the
    newest version was renamed and not recorded, by hand or by a rollback that was cut off, it is recorded and
    reported, and no further version is taken back: the call that follows does that.

    Args:
        serving_root: directory of all served models.
        name: name of the served model.
        registry_root: directory of all registries.
        reason: text kept in the record. Defaults to `""`.
        version: the version to take back, which must be the newest; when it is denied already nothing is
            done, so a repeated call is harmless. Defaults to `None`, the newest one whichever it is.
        wait_seconds: longest wait for a pusher. Defaults to `30.0`.

    Returns:
        The versions taken back and the one served now.

    Raises:
        TandemError: `PUSH-002` if a pusher holds the lock, `PUSH-006` if a file operation failed, `PUSH-007`
            if there is no older whole version or `version` is not the newest.
    """
    if not (serving_root / name).is_dir():
        raise _nothing(serving_root / name)
    try:
        with lock.hold(serving_root / name, wait_seconds):
            finished = registry.recover(serving_root, name, registry_root)
            live = registry.directories(serving_root, name)
            if live and max(finished, default=0) > max(live) and manifest.is_whole(live[max(live)]):
                return RollbackResult(tuple(finished), max(live), already=True)
            if live and version in registry.directories(serving_root, name, registry.DENIED):
                return RollbackResult((version,), max(live), already=True)
            if version is not None and version != max(live, default=0):
                raise _nothing(serving_root / name, f"version={version}, newest={max(live, default=None)}")
            older = sorted(live, reverse=True)[1:]
            served = next((number for number in older if manifest.is_whole(live[number])), None)
            if served is None:
                raise _nothing(serving_root / name)
            denied = [number for number in live if number > served]
            for number in denied:
                _deny(live[number], number, registry_root, name, reason)
    except OSError as error:
        raise file_error(error) from error
    logging.info("Rolled %s back to version %d.", name, served)
    return RollbackResult(tuple(denied), served)


def _deny(directory: Path, version: int, registry_root: Path, name: str, reason: str) -> None:
    point("rollback.rename")
    target = directory.rename(directory.with_name(f"{version}{registry.DENIED_SUFFIX}"))
    storage.fsync_directory(target.parent)
    registry.write_record(registry_root, name, version, target, registry.DENIED, reason)


def _nothing(root: Path, received: str = "no such version") -> TandemError:
    return TandemError(
        "PUSH-007",
        f"Expected in {root} a newest version to take back and an older whole one. Received: {received}",
        "Nothing was changed; push a better model instead.",
    )
