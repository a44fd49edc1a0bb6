"""The checkpoints of one training in one directory."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from absl import logging

from trainer.checkpoints.file import TEMPORARY_PREFIX, Checkpoint, read_checkpoint, write_checkpoint
from trainer.errors import TandemError
from trainer.faults import point

_NAME = re.compile(r"checkpoint-(\d{12})\.tandem")


def checkpoints_in(directory: str | Path) -> list[tuple[int, Path]]:
    """Steps and files of the checkpoints in a directory, oldest first; only looks.

    A file can be damaged, or be removed by the training before it is read.
    """
    place = Path(directory)
    try:
        names = [path for path in place.iterdir() if _NAME.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((int(path.name.removeprefix("checkpoint-").partition(".")[0]), path) for path in names)


def read_if_whole(path: Path) -> Checkpoint | None:
    """The checkpoint in a file, or None if it is damaged, was removed or cannot be read now; only looks."""
    try:
        return read_checkpoint(path)
    except TandemError as error:
        if error.code not in ("TRAIN-202", "TRAIN-205"):
            raise
        return None


class CheckpointStore:
    """Writes checkpoints and finds the newest whole one.

    The caller gives each training a directory of its own, keyed by all that the result depends on, and makes
    sure that one process at a time uses it.

    Args:
        directory: made if absent.
        keep: int, at least 2. Checkpoints kept, so that a previous one exists should the newest turn out
            damaged. Defaults to `2`.

    Raises:
        ValueError: if `keep` is below 2.
    """

    def __init__(self, directory: str | Path, keep: int = 2) -> None:
        if keep < 2:
            raise ValueError(f"keep must be at least 2. Received: keep={keep}")
        self.directory = Path(directory)
        self._keep = keep

    def save(self, checkpoint: Checkpoint) -> Path:
        """Writes a checkpoint, then removes those beyond the `keep` newest.

        Raises:
            TandemError: `TRAIN-201` if it cannot be written.
        """
        path = self.directory / f"checkpoint-{checkpoint.step:012d}.tandem"
        write_checkpoint(path, checkpoint)
        for _, old in checkpoints_in(self.directory)[: -self._keep]:
            point("checkpoint.remove_old")
            old.unlink(missing_ok=True)
        return path

    def latest(self) -> Checkpoint | None:
        """The newest whole checkpoint; damaged ones are renamed to `*.corrupt` and reported in the log.

        Raises:
            TandemError: `TRAIN-205` if one cannot be read; it stays where it is.
        """
        point("checkpoint.find")
        for leftover in self.directory.glob(f"{TEMPORARY_PREFIX}*"):
            leftover.unlink(missing_ok=True)
        for _, path in reversed(checkpoints_in(self.directory)):
            try:
                return read_checkpoint(path)
            except TandemError as error:
                if error.code != "TRAIN-202":
                    raise
                aside = path.with_name(f"{path.name}.corrupt")
                logging.error("%s Set aside as %s; the one before it is used.", error, aside.name)
                point("checkpoint.set_aside")
                path.replace(aside)
        return None


def discard(directory: str | Path) -> None:
    """Removes the checkpoints of a training whose result is safe elsewhere."""
    point("checkpoint.discard")
    shutil.rmtree(directory, ignore_errors=True)
