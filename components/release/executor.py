"""Releases, and records the outcome on the output artifact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.adapter import Artifacts, directory, only
from components.adapter import Executor as BaseExecutor
from components.push import outcome
from components.release.release import Settings, release


class Executor(BaseExecutor):
    """Reads `pushed_model`; writes `release`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Releases what was pushed; nothing pushed is recorded and raises nothing."""
        result = release(
            outcome.read(directory(inputs, "pushed_model")),
            Path(properties["serving_root"]),
            properties["name"],
            directory(outputs, "release"),
            Settings.from_json(properties["settings"]),
        )
        result.write(directory(outputs, "release"))
        artifact = only(outputs, "release")
        artifact.set_int_custom_property("released", int(result.released))
        artifact.set_int_custom_property("release_version", result.version)
        artifact.set_string_custom_property("model_digest", result.digest)
        artifact.set_string_custom_property("release_path", result.path)
        artifact.set_string_custom_property("mirror", result.mirror)
        artifact.set_string_custom_property("reason", result.reason)
