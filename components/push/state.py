"""The registry as one text, for cache keys: a step runs again when what it depends on has changed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import uuid
from pathlib import Path

from components.push import manifest, registry
from trainer import storage
from trainer.errors import TandemError

FILE_NAME = "registry.json"


@dataclasses.dataclass(frozen=True)
class RegistryState:
    """Texts that are equal exactly when a cached step still tells the truth.

    Args:
        baseline: registry identity and the newest live version with its digest; changes with a push, a
            rollback, or damage to that version.
        push: the same, and which versions are denied.
    """

    baseline: str
    push: str


def registry_state(
    serving_root: Path, name: str, registry_root: Path, fingerprint: str = ""
) -> RegistryState:
    """Describes the registry of one served model.

    The identity, a random number written at the first call, tells a removed and remade registry from one that
    was never used.

    Args:
        serving_root: directory of all served models.
        name: name of the served model.
        registry_root: directory of all registries.
        fingerprint: text that names everything a run depends on: configuration, data, sources. When the
            version served now was pushed by a run of the same fingerprint, the state before that push is
            returned, so that repeating the run finds every step cached. Defaults to `""`, which never does.

    Raises:
        OSError: if the identity cannot be written.
    """
    identity = _identity(registry_root / name / FILE_NAME)
    denied = ",".join(map(str, registry.directories(serving_root, name, registry.DENIED)))
    try:
        newest = registry.newest_blessed(serving_root, name, registry_root)
        pushed = newest and manifest.read(newest.path)
    except TandemError as error:
        baseline = f"{identity}/unreadable:{hashlib.sha256(str(error).encode()).hexdigest()[:16]}"
    else:
        # The manifest and not the record, which a push that was cut off did not write.
        if fingerprint and pushed and pushed.fingerprint == fingerprint:
            before = pushed.registry_state
            if before.startswith(f"{identity}/"):
                return RegistryState(before.partition("|")[0], before)
        baseline = f"{identity}/{newest.version}:{newest.digest}" if newest else f"{identity}/none"
    return RegistryState(baseline, f"{baseline}|denied={denied}")


def served(state: RegistryState) -> tuple[int, str] | None:
    """Version and digest that a state names.

    Returns:
        `(version, digest)`, `(0, "")` when the newest version could not be read, none when nothing was
        served.
    """
    named = state.baseline.rpartition("/")[2]
    if named == "none":
        return None
    version, _, digest = named.partition(":")
    return (int(version), digest) if version.isdecimal() else (0, "")


def warm_start_from(state: RegistryState, directory: Path) -> str:
    """The model that a training may start from, as the text of a parameter.

    It depends on the state alone, so it stays what it was when a run is repeated after its own push.

    Args:
        state: from `registry_state`.
        directory: of the versions of the served model.

    Returns:
        JSON with `directory` and `digest` of the newest version, or with the `problem` that it has; empty
        when nothing was served.
    """
    found = served(state)
    if found is None:
        return ""
    version, digest = found
    if not version:
        return json.dumps({"problem": f"the newest version in {directory} could not be read"})
    return json.dumps({"digest": digest, "directory": str(directory / str(version))})


def _identity(path: Path) -> str:
    try:
        identity = json.loads(path.read_bytes())["identity"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        identity = uuid.uuid4().hex
        storage.write_json(path, {"identity": identity})
    return str(identity)
