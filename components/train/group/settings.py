"""How a group is launched: told beside the training, so that it is in no key of a cache or a checkpoint."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import TandemError
from trainer.spec import LaunchSpec

VARIABLE = "TANDEM_GROUP_LAUNCH"
"""JSON of a `LaunchSpec`, where no run of this process tells it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How groups of this process are launched.

    Args:
        launch: restarts, limits and the shared directory.
        logs: folder for the logs of the replicas; None is beside their checkpoints. Defaults to `None`.
    """

    launch: LaunchSpec
    logs: Path | None = None


_given: list[Settings] = []


def current(otherwise: LaunchSpec) -> Settings:
    """Those given last, else those of the environment, else the ones that the training itself names.

    Args:
        otherwise: of the training's own specification.

    Raises:
        TandemError: `GROUP-002` if the variable holds no JSON, `TRAIN-001` if its values cannot be used.
    """
    if _given:
        return _given[-1]
    text = os.environ.get(VARIABLE)
    if not text:
        return Settings(otherwise)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TandemError(
            "GROUP-002",
            f"Expected JSON in {VARIABLE}. Received: {text[:200]}",
            "Compile the pipeline with the version of the image, or unset the variable.",
            exit_status=2,
        ) from error
    return Settings(LaunchSpec.from_json(value))


@contextmanager
def launched_with(settings: Settings) -> Iterator[None]:
    """Groups of this process are launched with `settings` while the block runs."""
    _given.append(settings)
    try:
        yield
    finally:
        _given.remove(settings)
