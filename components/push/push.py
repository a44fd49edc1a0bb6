"""The push: a blessed model becomes the next version, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from absl import logging

from components.push import lock, manifest, registry
from components.push.manifest import Manifest
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point


@dataclasses.dataclass(frozen=True)
class PushResult:
    """What a push came to.

    Args:
        pushed: whether the model is served under `version`.
        version: its integer version, none when not pushed.
        path: its directory, none when not pushed.
        digest: digest of the model.
        created: whether this call made the version; false when it was there already.
        reason: why it was not pushed, or not again; empty for a new version.
    """

    pushed: bool
    version: int | None
    path: Path | None
    digest: str
    created: bool
    reason: str


def push(
    model_dir: Path,
    blessing: Mapping[str, Any] | None,
    serving_root: Path,
    name: str,
    registry_root: Path,
    run_id: str,
    *,
    digest: Callable[[Path], str] | None = None,
    fingerprint: str = "",
    registry_state: str = "",
    reuse: bool = False,
    wait_seconds: float = 30.0,
) -> PushResult:
    """Copies a blessed model to `<serving_root>/<name>/<version>` by one atomic rename.

    The copy is made and checked in a hidden directory of the same file system, so a model server sees the old
    versions or the old ones and the new one. A push that was cut off leaves at most that hidden directory, or
    a whole version without a record; the next push removes or records it. Older versions stay.

    Args:
        model_dir: directory of the SavedModel.
        blessing: contents of `gate.json`; its `baseline.version` is the version served when the gate decided,
            `0` for none.
        serving_root: directory of all served models.
        name: name of the served model.
        registry_root: directory of all registries.
        run_id: run that pushes; repeating a push of the same run and digest returns the first one's version.
        digest: function from a SavedModel directory to its digest; `None` takes `trainer.export.digest`.
        fingerprint: text that names the inputs of the run, see `registry_state`. Defaults to `""`.
        registry_state: state of the registry the run was started under. Defaults to `""`.
        reuse: return the served version when it has the same digest, whichever run pushed it.
            Defaults to `False`.
        wait_seconds: longest wait for another pusher. Defaults to `30.0`.

    Returns:
        The result; a model that is not blessed or was denied is not pushed and raises nothing.

    Raises:
        TandemError: `PUSH-001` if the blessing is absent or cannot be understood, `PUSH-002` if another
            process holds the lock, `PUSH-003` if the blessing is of another model, `PUSH-004` if the model
            holds links or changed while it was copied, `PUSH-006` if a file operation failed, `PUSH-008` if
            another version is served than when the gate decided.
    """
    blessed = _blessed(blessing)
    if blessing is None or blessed is None:
        return _refused("", "the model is not blessed")
    blessed_digest, baseline_version = blessed
    try:
        files = storage.list_tree(model_dir)
        links = [file for file in files if (model_dir / file).is_symlink()]
        if links:
            raise TandemError(
                "PUSH-004",
                f"Expected a model of plain files. Received: {model_dir} with links {links[:5]}",
                "Run the pipeline again so that it writes the model itself.",
            )
        model_digest = (digest or _default_digest())(model_dir)
        if model_digest != blessed_digest:
            raise TandemError(
                "PUSH-003",
                f"Expected the blessed model, digest={blessed_digest}. Received: digest={model_digest}",
                "Run the pipeline again so that this model passes the gate itself.",
            )
        with lock.hold(serving_root / name, wait_seconds):
            registry.recover(serving_root, name, registry_root)
            earlier = _earlier(serving_root, name, model_digest, run_id, reuse) or _denied(
                serving_root, name, registry_root, model_digest
            )
            if earlier is not None:
                return earlier
            _require_served(serving_root, name, baseline_version)
            contents = Manifest(
                name=name,
                version=registry.next_version(serving_root, name, registry_root),
                digest=model_digest,
                run_id=run_id,
                created=registry.utc_now(),
                files={file: files[file] for file in files if file != manifest.FILE_NAME},
                metrics=blessing.get("metrics", {}),
                fingerprint=fingerprint,
                registry_state=registry_state,
            )
            path = _publish(model_dir, contents, serving_root / name)
            registry.write_record(registry_root, name, contents.version, path, registry.LIVE)
    except OSError as error:
        raise file_error(error) from error
    logging.info("Pushed %s version %d to %s.", name, contents.version, path)
    return PushResult(True, contents.version, path, model_digest, True, "")


def file_error(error: OSError) -> TandemError:
    """Turns a failed file operation into `PUSH-006`."""
    return TandemError(
        "PUSH-006",
        f"Expected to read and write the serving directory and registry. Received: error={error}",
        "What is served is whole; free space or restore access, then run the same command again.",
    )


def _publish(model_dir: Path, contents: Manifest, root: Path) -> Path:
    staging = root / f"{registry.STAGING_PREFIX}{contents.version}-{os.getpid()}"
    target = root / str(contents.version)
    try:
        point("push.begin")
        storage.copy_tree(model_dir, staging)
        (staging / manifest.FILE_NAME).unlink(missing_ok=True)
        if storage.list_tree(staging) != contents.files:
            raise TandemError(
                "PUSH-004",
                f"Expected a copy equal to the blessed model. Received: {model_dir} changed meanwhile",
                "See that nothing else writes there, then run the same command again.",
            )
        contents.write(staging)
        point("push.rename")
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    storage.fsync_directory(root)
    return target


def _earlier(serving_root: Path, name: str, digest: str, run_id: str, reuse: bool) -> PushResult | None:
    """Looks for a whole live version that makes a new one unnecessary; newest first."""
    live = registry.directories(serving_root, name)
    for version in sorted(live, reverse=True):
        contents = _manifest_or_none(live[version])
        if contents is None or contents.digest != digest:
            continue
        wanted = (run_id and contents.run_id == run_id) or (reuse and version == max(live))
        if wanted and manifest.is_whole(live[version]):
            return PushResult(True, version, live[version], digest, False, "the version was there already")
    return None


def _denied(serving_root: Path, name: str, registry_root: Path, digest: str) -> PushResult | None:
    newest = registry.newest_with_digest(serving_root, name, registry_root, digest)
    if newest is None or newest[1] != registry.DENIED:
        return None
    return _refused(
        digest,
        f"version {newest[0]} with the same digest was denied; change the data or the configuration",
    )


def _require_served(serving_root: Path, name: str, baseline_version: int) -> None:
    """A decision against one version must not replace another, whatever the rules: it is taken again."""
    served = registry.served_version(serving_root, name) or 0
    if served != baseline_version:
        raise TandemError(
            "PUSH-008",
            "Expected the version that was served when the gate decided, "
            f"version={baseline_version}. Received: version={served}",
            "Resume the run, so that the gate decides against what is served now.",
        )


def _manifest_or_none(directory: Path) -> Manifest | None:
    try:
        return manifest.read(directory)
    except TandemError:
        return None


def _blessed(blessing: Mapping[str, Any] | None) -> tuple[str, int] | None:
    """Digest that a blessing is for and version of its baseline, or none when the gate said no."""
    told = blessing if isinstance(blessing, Mapping) else {}
    blessed, digest, metrics = told.get("blessed"), told.get("model_digest"), told.get("metrics", {})
    if blessed is False:
        return None
    baseline = told.get("baseline")
    version = baseline.get("version") if isinstance(baseline, Mapping) else None
    if (
        blessed is True
        and isinstance(digest, str)
        and digest
        and isinstance(version, int)
        and not isinstance(version, bool)
        and _is_plain(metrics)
    ):
        return digest, version
    raise TandemError(
        "PUSH-001",
        "Expected a blessing that says blessed=true or false and names model_digest and baseline.version. "
        f"Received: blessed={blessed!r}, model_digest={digest!r}, baseline={baseline!r}, metrics={metrics!r}",
        "Run the pipeline again so that the gate writes its decision.",
    )


def _is_plain(metrics: Any) -> bool:
    try:
        json.dumps(metrics, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(metrics, dict)


def _default_digest() -> Callable[[Path], str]:
    # Loads TensorFlow, which rollback and the state of the registry do without.
    from trainer import export

    return export.digest


def _refused(digest: str, reason: str) -> PushResult:
    logging.info("Not pushed: %s.", reason)
    return PushResult(False, None, None, digest, False, reason)
