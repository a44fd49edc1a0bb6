"""Trainings and groups of trainings, each kept once it ended, so that a long benchmark can be interrupted.

A trial is kept by a digest of what it is told and of the code that trains: the same trial is not trained
again, a changed one is. One that was interrupted goes on from its checkpoints; `resumed` then says so, as its
seconds are those of the last attempt alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.codistillation import measured_trainer
from benchmarks.codistillation.data import Data
from benchmarks.codistillation.measured_trainer import FILE
from components.train.group import files
from components.train.group.launcher import Member
from components.train.group.layout import Layout
from components.train.group.local import LocalLauncher
from components.train.group.run import run_group
from components.train.group.shares import cores
from trainer.loop import RunSpec
from trainer.loop.run_spec import SERVING_DIRECTORY
from trainer.storage import write_json

MODULE = "benchmarks.codistillation.measured_trainer"
TRIAL, QUALITY, SPEC = "trial.json", "quality.json", "spec.json"
LOOK_SECONDS = 0.2

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Trial:
    """A single training, or a group.

    Args:
        place: its directory.
        seconds: wall time from the start of the processes to their end.
        resumed: whether an earlier attempt had begun it.
        training: content of `training.json`, of a group that of the chosen replica.
        history: of `history.json`, likewise.
        measured: of `measured.json`, of every replica that wrote one.
        group: of `group.json`; empty for a single training.
    """

    place: Path
    seconds: float
    resumed: bool
    training: Json
    history: list[Json]
    measured: list[Json]
    group: Json

    @property
    def model(self) -> Path:
        """The SavedModel."""
        return self.place / "model" / SERVING_DIRECTORY


def key(fingerprint: str, spec: RunSpec) -> str:
    """Names a trial: 16 hex digits.

    Args:
        fingerprint: of the code that trains.
        spec: what the trial is told, without directories of its own.
    """
    clocks = hashlib.sha256(Path(measured_trainer.__file__).read_bytes()).hexdigest()
    told = json.dumps([fingerprint, clocks, spec.to_json()], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def trial(data: Data, spec: RunSpec, note: str) -> Trial:
    """Trains, unless it was done before.

    A replica and a single training have as many threads as cores divided by the replicas, a single one is
    given as many as a replica of a group that has one for each core.

    Args:
        data: keeps the trial.
        spec: as `Data.spec` makes it.
        note: what is printed before.

    Raises:
        SystemExit: if a single training fails.
        TandemError: `GROUP-001` if no replica of a group finishes.
    """
    name = key(data.fingerprint, spec)
    place, checkpoints = data.kept / name, data.kept / "checkpoints" / name
    if not (place / TRIAL).exists():
        print(f"... {note}", flush=True)
        resumed = checkpoints.exists()
        given = dataclasses.replace(
            spec,
            checkpoint_dir=str(checkpoints),
            output_dir=str(place / "model"),
            run_dir=str(place / "run"),
        )
        began = time.monotonic()
        told = _group(given) if given.train.codistillation is not None else _single(given)
        write_json(place / TRIAL, {"seconds": time.monotonic() - began, "resumed": resumed, **told})
    shutil.rmtree(checkpoints, ignore_errors=True)
    return Trial(place, **json.loads((place / TRIAL).read_text()))


def quality(data: Data, trained: Trial) -> Json:
    """Metrics of the exported model on the `eval` split, kept beside it."""
    path = trained.place / QUALITY
    if not path.exists():
        write_json(path, data.evaluation.ask(trained.model).quality)
    found: Json = json.loads(path.read_text())
    return found


def _group(spec: RunSpec) -> Json:
    plan = spec.train.codistillation
    assert plan is not None
    launcher = LocalLauncher(plan.replicas, module=MODULE)
    training = run_group(spec, launcher=launcher)
    layout = Layout(Path(spec.checkpoint_dir), plan.launch.directory)
    measured = [files.read_object(layout.replica(index) / "run" / FILE) for index in range(plan.replicas)]
    run_dir = Path(spec.run_dir)
    return {
        "training": training,
        "history": json.loads((run_dir / files.HISTORY).read_text()),
        "measured": [one for one in measured if one],
        "group": files.read_object(run_dir / files.OUTCOME),
    }


def _single(spec: RunSpec) -> Json:
    directory, run_dir = Path(spec.checkpoint_dir), Path(spec.run_dir)
    write_json(directory / SPEC, spec.to_json())
    member = Member(0, str(directory / SPEC), spec.run_dir, directory / "trainer.log")
    launcher = LocalLauncher(cores(), module=MODULE)
    try:
        launcher.start(member)
        while (state := launcher.state(member)).kind == "running":
            time.sleep(LOOK_SECONDS)
    finally:
        launcher.close()
    if state.kind != "finished":
        raise SystemExit(f"a training ended: {state.reason}, see {member.log}")
    measured = files.read_object(run_dir / FILE)
    return {
        "training": files.read_object(run_dir / files.TRAINING),
        "history": json.loads((run_dir / files.HISTORY).read_text()),
        "measured": [measured] if measured else [],
        "group": {},
    }
