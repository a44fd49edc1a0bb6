"""Brings what a training reads to a place that the pods of the replicas see."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from absl import logging

from components.train.group.cluster.errors import not_seen
from components.train.group.cluster.here import settings_here
from components.train.group.files import INPUTS
from trainer.faults import point
from trainer.storage import fsync_directory

if TYPE_CHECKING:
    from trainer.loop import RunSpec


def stage(spec: RunSpec, base: Path) -> RunSpec:
    """The same training with every file of it on a volume of the replicas.

    Artifacts lie in the step's own pod, where its launcher put them; they are copied once. Files on a shared
    volume stay where they are. Where replicas are processes of this machine nothing is done.

    Args:
        spec: the training.
        base: directory of the group.

    Raises:
        TandemError: `GROUP-031` if `base` itself is not on a volume of the replicas.
        OSError: if a file cannot be copied.
    """
    pods = settings_here()
    if pods is None:
        return spec
    mounts = tuple(mount.path for mount in pods.mounts)
    if not _shared(str(base.absolute()), mounts):
        raise not_seen(str(base), mounts)
    copies = _Copies(base.absolute() / INPUTS, mounts)
    origin = spec.warm_start_from
    return dataclasses.replace(
        spec,
        train_files=copies.of_all(spec.train_files),
        validation_files=copies.of_all(spec.validation_files),
        eval_raw_files=copies.of_all(spec.eval_raw_files),
        transform_graph_dir=copies.of(spec.transform_graph_dir),
        warm_start_from=dataclasses.replace(origin, file=copies.of(origin.file)) if origin.file else origin,
    )


class _Copies:
    def __init__(self, directory: Path, mounts: tuple[str, ...]) -> None:
        self._directory, self._mounts = directory, mounts

    def of_all(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.of(path) for path in paths)

    def of(self, path: str) -> str:
        """Where the replicas find a file or directory; copied now if it is not there yet."""
        source = Path(path).absolute()
        if _shared(str(source), self._mounts):
            return str(source)
        # Artifacts of different steps have files of the same name.
        key = hashlib.sha256(str(source.parent).encode()).hexdigest()[:12]
        target = self._directory / key / source.name
        if not target.exists():
            _copy(source, target)
        return str(target)


def _copy(source: Path, target: Path) -> None:
    """Copies under another name first: one that a killed step left is made anew, not taken for whole."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    point("group.stage", target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    if source.is_dir():
        shutil.copytree(source, unfinished)
    else:
        shutil.copyfile(source, unfinished)
    for file in [unfinished] if unfinished.is_file() else unfinished.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
    point("group.stage_replace", target)
    unfinished.rename(target)
    fsync_directory(target.parent)
    logging.info("Copied %s to %s for the replicas.", source, target)


def _shared(path: str, mounts: tuple[str, ...]) -> bool:
    """Whether a path lies on one of the volumes.

    Example:
        >>> _shared("/tandem/checkpoints/x", ("/tandem",)), _shared("/tandem-2/x", ("/tandem",))
        (True, False)
        >>> _shared("/tandem/../gcs/x", ("/tandem",))
        False
    """
    place = PurePosixPath(os.path.normpath(path))
    return any(place.is_relative_to(mount) for mount in mounts)
