"""The baseline: a checked copy of the newest blessed version, or the constant prediction."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

from absl import logging

from components.push import manifest, registry
from trainer import storage
from trainer.errors import TandemError
from trainer.faults import point

_ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the candidate is compared with.

    Args:
        is_prior: whether the constant prediction stands in.
        version: version of the blessed model, compared with or `incomparable`; `0` if there is none to read.
        digest: its digest, empty for the constant prediction.
        unreadable: why the model that the registry names cannot be read; empty if it can or names none.
        incomparable: why that model cannot be compared, beginning with its version; empty likewise.
    """

    is_prior: bool
    version: int = 0
    digest: str = ""
    unreadable: str = ""
    incomparable: str = ""


def choose(
    serving_root: Path,
    name: str,
    registry_root: Path,
    destination: Path,
    export_prior: Callable[[Path], None],
    why_incomparable: Callable[[Path], str],
) -> Choice:
    """Puts the baseline into the new directory `destination`.

    A blessed model that is damaged, missing or not to be compared is never replaced in silence by an older
    one: the constant prediction is written so that the run can go on to its report, and `unreadable` or
    `incomparable` says why.

    Args:
        serving_root: directory of all served models.
        name: name of the served model.
        registry_root: directory of all registries.
        destination: where the SavedModel goes.
        export_prior: writes the constant prediction to a directory.
        why_incomparable: says of a model directory why the candidate cannot be compared with it, or `""`.

    Returns:
        The choice.

    Raises:
        OSError: if `destination` cannot be written.
    """
    choice = Choice(True)
    for attempt in range(1, _ATTEMPTS + 1):
        shutil.rmtree(destination, ignore_errors=True)
        try:
            blessed = registry.newest_blessed(serving_root, name, registry_root)
            if blessed is None:
                choice = Choice(True)
                break
            _copy(blessed.path, destination)
        except (TandemError, OSError) as error:
            # A rollback may rename the version while it is read; the next look finds the version before it.
            choice = Choice(True, unreadable=str(error))
            logging.warning("Attempt %d to read the blessed model: %s", attempt, error)
            continue
        why = why_incomparable(destination)
        if not why:
            logging.info("The baseline is version %d.", blessed.version)
            return Choice(False, blessed.version, blessed.digest)
        choice = Choice(True, blessed.version, incomparable=f"version {blessed.version} {why}")
        logging.warning("The blessed model cannot be compared: %s.", choice.incomparable)
        break
    point("baseline.write")
    shutil.rmtree(destination, ignore_errors=True)
    export_prior(destination)
    return choice


def _copy(version: Path, destination: Path) -> None:
    storage.copy_tree(version, destination)
    manifest.verify(destination)
    point("baseline.copied")
    (destination / manifest.FILE_NAME).unlink()
