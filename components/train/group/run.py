"""A group from one specification: replicas trained together, and the model of the best of them."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from components.train.files import SPEC
from components.train.group import files, settings
from components.train.group.choice import Candidate, choose
from components.train.group.cluster import launcher_here, stage
from components.train.group.launcher import Launcher, Member
from components.train.group.layout import Layout
from components.train.group.local import LocalLauncher
from components.train.group.outcome import outcome
from components.train.group.standing import GroupProgress
from components.train.group.watch import Ending, Watch
from components.train.progress import current_group
from trainer.errors import TandemError
from trainer.faults import point
from trainer.loop import RunSpec
from trainer.loop.run_spec import SERVING_DIRECTORY
from trainer.spec import ReplicaSpec
from trainer.storage import copy_tree, write_json


def run_group(
    spec: RunSpec, show: GroupProgress | None = None, launcher: Launcher | None = None
) -> dict[str, Any]:
    """Trains the replicas of a group, each as a process of its own, and takes over the best one's model.

    How they are launched is told by `components.train.group.settings`. A group that was interrupted goes on:
    each replica from its own checkpoints, one that had finished not at all.

    Args:
        spec: the training, with `train.codistillation`; the directory of checkpoints must have a name that no
            other group has.
        show: told how the replicas stand. Defaults to `None`, see `components.train.progress`.
        launcher: starts the replicas. Defaults to `None`: pods where the environment says so, else processes.

    Returns:
        The content of `training.json` of the chosen replica, whose files are now in `spec.output_dir` and
        `spec.run_dir`; there also `group.json`, see `components.train.group.outcome`.

    Raises:
        TandemError: `GROUP-001` if no replica finished, `GROUP-004` if every one refused its config or data,
            `GROUP-003` if files cannot be written; the group then goes on from there.
    """
    try:
        return _run(spec, show, launcher)
    except OSError as error:
        raise TandemError(
            "GROUP-003",
            f"The files of the group must be written. Received: {error}",
            "Make room, then go on with `tandem resume`: what the replicas have done is kept.",
        ) from error


def _run(spec: RunSpec, show: GroupProgress | None, launcher: Launcher | None) -> dict[str, Any]:
    plan = spec.train.codistillation
    assert plan is not None
    told = settings.current(plan.launch)
    layout = Layout(Path(spec.checkpoint_dir), told.launch.directory)
    spec = stage(spec, layout.base)
    specs = [_replica_spec(spec, layout, index) for index in range(plan.replicas)]
    members = [_member(one, layout, index, told.logs) for index, one in enumerate(specs)]
    if launcher is None:
        found = launcher_here(layout.group, told.launch.restarts, members)
        launcher = found if found is not None else LocalLauncher(plan.replicas)
    logging.info("Group %s of %d replicas in %s.", layout.group, plan.replicas, layout.base)
    with _interrupted_by_termination():
        endings = Watch(launcher, members, told.launch, show or current_group()).run()
    finished = [ending for ending in endings if ending.standing.kind == "finished"]
    if not finished:
        raise _nobody(endings)
    chosen = choose([_candidate(ending) for ending in finished])
    summary = files.read_object(Path(specs[chosen].run_dir) / files.TRAINING)
    _take_over(Path(specs[chosen].output_dir), Path(spec.output_dir))
    _take_over(Path(specs[chosen].run_dir), Path(spec.run_dir))
    made = outcome(layout, endings, chosen, plan.burn_in)
    write_json(Path(spec.run_dir) / files.OUTCOME, made)
    if made["untaught"]:
        logging.warning("No replica was taught: %s.", made["untaught"])
    _remove(layout.base / files.INPUTS)
    logging.info("Replica %d is the model of the group.", chosen)
    return summary


def _replica_spec(spec: RunSpec, layout: Layout, index: int) -> RunSpec:
    """What a replica is told; a result that lacks its model is forgotten."""
    place = layout.replica(index)
    made = dataclasses.replace(
        spec,
        checkpoint_dir=str(place),
        output_dir=str(place / "model"),
        run_dir=str(place / "run"),
        replica=ReplicaSpec(index, layout.group, layout.exchange),
    )
    if not (place / "model" / SERVING_DIRECTORY / "saved_model.pb").is_file():
        point("group.forget", place)
        (place / "run" / files.TRAINING).unlink(missing_ok=True)
    write_json(place / SPEC, made.to_json())
    return made


def _member(spec: RunSpec, layout: Layout, index: int, logs: Path | None) -> Member:
    place = layout.replica(index)
    log = logs / f"train-replica-{index}.log" if logs is not None else place / "replica.log"
    return Member(index, str(place / SPEC), spec.run_dir, log)


def _candidate(ending: Ending) -> Candidate:
    run_dir = Path(ending.member.run_dir)
    return Candidate(ending.member.index, files.validation_loss(run_dir), files.last_loss(run_dir))


def _nobody(endings: Sequence[Ending]) -> TandemError:
    told = []
    for ending in endings:
        cause = f" ({ending.causes[-1]})" if ending.causes else ""
        told.append(f"replica {ending.member.index} {ending.standing.kind}{cause}")
    received, logs = "; ".join(told), ", ".join(str(ending.member.log) for ending in endings)
    if all(ending.standing.kind == "refused" for ending in endings):
        return TandemError(
            "GROUP-004",
            f"Expected a config and data that a replica can use. Received: {received}",
            f"The logs of the replicas tell more: {logs}.",
            exit_status=2,
        )
    return TandemError(
        "GROUP-001",
        f"Expected a replica that finishes. Received: {received}",
        f"The logs of the replicas tell more: {logs}.",
    )


def _take_over(source: Path, destination: Path) -> None:
    """Copies what a replica made, without what a killed attempt left; `destination` then holds only that."""
    for leftover in source.glob(".*"):
        point("group.tidy")
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    _remove(destination)
    copy_tree(source, destination)


def _remove(directory: Path) -> None:
    point("group.remove", directory)
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _interrupted_by_termination() -> Iterator[None]:
    """SIGTERM as an interrupt from the keyboard, so that replicas are stopped and the run is told of it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
