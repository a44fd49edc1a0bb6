"""Serves a release, and records the outcome on the output artifact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from absl import logging
from tfx import types

from components.adapter import Artifacts, directory, only
from components.adapter import Executor as BaseExecutor
from components.release import record, volume
from components.release.record import Release
from components.serve import api
from components.serve.outcome import Outcome
from components.serve.rollout import Timing, roll_out
from components.serve.settings import Settings, target
from trainer.storage import write_atomic, write_json

FILE_NAME = "service.json"
TIMING = Timing()


class Executor(BaseExecutor):
    """Reads `release`; writes `service`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Rolls the release out; nothing released is recorded and raises nothing.

        Raises:
            TandemError: why the release is not served, after the outcome was recorded.
        """
        release = record.read(directory(inputs, "release"))
        settings = Settings.from_json(properties["kserve"])
        if release.released:
            wanted = target(release, _remote_uri(only(inputs, "release")), settings)
            outcome = roll_out(api.connect(settings.namespace), settings, wanted, TIMING)
        else:
            outcome = Outcome(False, name=settings.name, reason=f"nothing was released: {release.reason}")
        if outcome.served and settings.storage == "volume":
            _hold(release, outcome)
        _write(only(outputs, "service"), outcome)
        if outcome.failure is not None:
            raise outcome.failure


def _remote_uri(artifact: types.Artifact) -> str:
    """The URI in object storage, which the entrypoint of a pod replaces by a local path and keeps beside."""
    return artifact.get_string_custom_property("remote_uri") or artifact.uri


def _hold(release: Release, outcome: Outcome) -> None:
    """Keeps what the cluster may still start pods from: this release, that before, and the promoted one."""
    root, current = Path(release.path).parent, Path(release.path).name
    served = PurePosixPath(outcome.storage_uri).name
    try:
        before = volume.read_served(root)
    except (OSError, ValueError, LookupError, TypeError) as error:
        logging.warning("The record of served releases in %s is written anew: %s.", root, error)
        before = []
    if outcome.action == "unchanged" and before[:1] == [served]:
        return
    previous = outcome.previous_storage_uri
    names = [current, PurePosixPath(previous).name] if previous.startswith("pvc://") else [current]
    volume.write_served(root, names + (before[-1:] if outcome.was_canary else []))


def _write(artifact: types.Artifact, outcome: Outcome) -> None:
    write_json(Path(artifact.uri) / FILE_NAME, outcome.to_json())
    write_atomic(Path(artifact.uri) / ("INFRA_BLESSED" if outcome.served else "INFRA_NOT_BLESSED"), "")
    artifact.set_int_custom_property("blessed", int(outcome.served))
    artifact.set_string_custom_property("storage_uri", outcome.storage_uri)
    artifact.set_string_custom_property("previous_storage_uri", outcome.previous_storage_uri)
    artifact.set_string_custom_property("action", outcome.action)
    artifact.set_string_custom_property("reason", outcome.reason)
