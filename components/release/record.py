"""What a release came to, as a file of its output."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from trainer import storage
from trainer.errors import TandemError

FILE_NAME = "release.json"
VERSION_DIRECTORY = "1"
"""Name of the one version below each release; TensorFlow Serving wants a number there."""


@dataclasses.dataclass(frozen=True)
class Release:
    """One release of one pushed version.

    Args:
        released: whether there is anything to serve.
        name: name of the served model.
        version: version of the push. Defaults to `0`, for none.
        digest: digest of the model. Defaults to `""`.
        run_id: run that pushed it. Defaults to `""`.
        release_id: name of the release, the same for the same pushed version. Defaults to `""`.
        path: directory of the release on the state volume; empty when the output artifact itself is what is
            served. Defaults to `""`.
        mirror: URI of the version in the mirror. Defaults to `""`, for none.
        uploaded: files that were copied to the mirror by this call. Defaults to `0`.
        reason: why nothing was released. Defaults to `""`.
    """

    released: bool
    name: str
    version: int = 0
    digest: str = ""
    run_id: str = ""
    release_id: str = ""
    path: str = ""
    mirror: str = ""
    uploaded: int = 0
    reason: str = ""

    def write(self, directory: Path) -> None:
        """Writes the release into `directory`, atomically."""
        storage.write_json(directory / FILE_NAME, dataclasses.asdict(self))


def read(directory: Path) -> Release:
    """Reads what `Release.write` wrote.

    Raises:
        TandemError: `SERVE-001` if it cannot be read.
    """
    try:
        told = json.loads((directory / FILE_NAME).read_bytes())
        release = Release(**told)
        for field in dataclasses.fields(Release):
            kind = {"bool": bool, "int": int, "str": str}[str(field.type)]
            if type(getattr(release, field.name)) is not kind:
                raise ValueError(f"{field.name} must be of type {field.type}")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise TandemError(
            "SERVE-001",
            f"Expected the record of a release in {directory}. Received: {error!r}",
            "Run the step `release` again: it writes the record.",
        ) from error
    return release
