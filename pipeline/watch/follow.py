"""Checkpoints of a training, one by one as they become whole."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.train.files import SPEC
from pipeline.watch.training import Training, read_spec
from trainer.errors import TandemError

if TYPE_CHECKING:
    from trainer.checkpoints import Checkpoint


@dataclasses.dataclass(frozen=True)
class Found:
    """Weights to look at: a checkpoint with what its training was told, or an exported model.

    Args:
        step: int. Steps done; of an exported model those of the whole training, or None if not known.
        checkpoint: the checkpoint. Defaults to `None`.
        spec: what its training was told. Defaults to `None`.
        exported: directory of the exported model. Defaults to `None`.
    """

    step: int | None
    checkpoint: Checkpoint | None = None
    spec: dict[str, Any] | None = None
    exported: Path | None = None


def follow(
    training: Training,
    watch: bool,
    every_seconds: float = 10.0,
    sleep: Callable[[float], None] = time.sleep,
    newest: bool = False,
) -> Iterator[Found]:
    """New whole checkpoints, oldest first; when the training has finished, its exported model.

    A file that is not whole, or that the training removes meanwhile, is passed over; nothing in the
    directory of the training is changed.

    Args:
        training: the training.
        watch: bool. Go on until the training has ended, rather than looking once.
        every_seconds: float. Pause between two looks. Defaults to `10.0`.
        sleep: called with the seconds to pause. Defaults to `time.sleep`.
        newest: bool. Of the checkpoints that one look finds, only the newest whole one. Defaults to `False`.

    Raises:
        TandemError: `DECODE-003` if there is nothing to look at and nothing to wait for.
    """
    from trainer.checkpoints import checkpoints_in, read_if_whole  # brings TensorFlow

    seen: set[int] = set()
    while True:
        # Before the look: what is written between the two is still found.
        stage = training.stage()
        directory = training.checkpoints() if stage != "finished" else None
        for step, path in _in_order(checkpoints_in(directory) if directory is not None else [], newest):
            if step in seen or (spec := read_spec(path.parent / SPEC)) is None:
                continue
            if (checkpoint := read_if_whole(path)) is None:
                continue
            seen.add(step)
            yield Found(step, checkpoint, spec)
            if newest:
                break
        if stage == "finished" and (exported := training.exported()) is not None:
            yield Found(_steps(training), exported=exported)
            return
        if not watch or stage in ("interrupted", "finished"):
            if not seen:
                raise _nothing(training, stage)
            return
        sleep(every_seconds)


def _in_order(found: list[tuple[int, Path]], newest: bool) -> list[tuple[int, Path]]:
    return found[::-1] if newest else found


def _steps(training: Training) -> int | None:
    """Step of the exported weights, as the training recorded it."""
    run = training.outputs("train").get("model_run")
    try:
        return int(json.loads((run / "training.json").read_text())["exported_step"]) if run else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _nothing(training: Training, stage: str) -> TandemError:
    run = training.run.run_id
    where = {
        "waiting": "which has not begun to train",
        "training": "which has not written one yet",
        "interrupted": "which ended before it wrote one",
        "finished": "whose model is gone",
    }[stage]
    going = stage in ("waiting", "training")
    return TandemError(
        "DECODE-003",
        f"Expected a whole checkpoint or an exported model. Received: none of run {run}, {where}",
        "Wait for one with --watch." if going else f"Go on with `tandem resume {run}`.",
        exit_status=2,
    )
