"""Real processes: what they get, how they end, and that none is left, however their group ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.train.group.launcher import Member
from components.train.group.local import LocalLauncher
from components.train.group.watch import Watch
from trainer import faults
from trainer.spec import LaunchSpec

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
CHILD = "child"


def member(place: Path, index: int, **spec: Any) -> Member:
    directory = place / str(index)
    directory.mkdir(parents=True)
    told = {"run_dir": str(directory / "run"), "steps": 20, **spec}
    (directory / "spec.json").write_text(json.dumps(told))
    return Member(
        index, str(directory / "spec.json"), str(directory / "run"), place / "logs" / f"{index}.log"
    )


def launcher(replicas: int, **variables: str) -> LocalLauncher:
    found = {"PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}", **variables}
    return LocalLauncher(replicas, lambda _, before: {**found, "COLOUR": f"attempt {before}"}, CHILD)


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def summary(one: Member) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(one.run_dir) / "training.json").read_text())
    return found


def test_a_group_goes_on_with_one_killed_one_stopped_and_one_refused(tmp_path: Path) -> None:
    members = [
        member(tmp_path, 0, steps=60),
        member(tmp_path, 1, at=5, then="kill"),
        member(tmp_path, 2, at=5, then="stop"),
        member(tmp_path, 3, at=5, then="refuse"),
    ]
    local = launcher(4)
    launch = LaunchSpec(stall_seconds=5.0, patience=5.0)
    endings = Watch(local, members, launch, lambda _: None, poll_seconds=0.05).run()
    assert [ending.standing.kind for ending in endings] == ["finished", "finished", "finished", "refused"]
    assert [ending.standing.restarts for ending in endings] == [0, 1, 1, 0]
    assert [ending.causes for ending in endings] == [
        [],
        ["killed: Killed"],
        ["no progress for 5 s"],
        ["exit status 2: NAME-002: Expected 1. Received: 2"],
    ]
    assert summary(members[0])["variables"]["COLOUR"] == "attempt 0"
    assert summary(members[1])["variables"]["COLOUR"] == "attempt 1"
    pids = [local.pid(one) for one in members]
    assert not any(alive(pid) for pid in pids if pid)


def test_the_machine_is_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    one = member(tmp_path, 0, steps=1)
    cores = len(os.sched_getaffinity(0))
    local = launcher(2 * cores)
    local.start(one)
    until(lambda: local.state(one).kind == "finished")
    told = summary(one)["variables"]
    assert told["OMP_NUM_THREADS"] == "7"
    assert told["TF_NUM_INTRAOP_THREADS"] == "1"


def test_what_a_replica_started_ends_with_it(tmp_path: Path) -> None:
    one = member(tmp_path, 0, steps=2000, at=2, then="grandchild")
    local = launcher(1)
    local.start(one)
    file = Path(one.run_dir) / "grandchild"
    until(lambda: file.exists() and bool(file.read_text()))
    pid = int(file.read_text())
    assert alive(pid)
    local.stop(one)
    assert local.state(one).reason == "killed: Killed"
    until(lambda: not alive(pid))


def test_one_that_runs_is_not_started_twice_and_one_that_cannot_start_has_failed(tmp_path: Path) -> None:
    one = member(tmp_path, 0, steps=2000)
    local = launcher(1)
    assert local.state(one).kind == "waiting"
    local.start(one)
    pid = local.pid(one)
    local.start(one)
    assert local.pid(one) == pid
    local.close()
    assert local.state(one).kind == "failed"
    (tmp_path / "logs").rename(tmp_path / "gone")
    (tmp_path / "logs").write_text("no folder")
    local.start(one)
    assert local.state(one).kind == "failed"
    assert "not started" in local.state(one).reason


def test_a_replica_that_cannot_be_started_once_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(faults.VARIABLE, "ENOSPC group.start 1")
    faults.rearm()
    monkeypatch.delenv(faults.VARIABLE)
    members = [member(tmp_path, 0, steps=40), member(tmp_path, 1, steps=5)]
    try:
        endings = Watch(launcher(2), members, LaunchSpec(patience=9), lambda _: None).run()
    finally:
        faults.rearm()
    assert [ending.standing.kind for ending in endings] == ["finished", "finished"]
    assert [ending.standing.restarts for ending in endings] == [0, 1]
    assert "group.start 1" in endings[1].causes[0]


GROUP = """
import sys
sys.path[:0] = [{here!r}, {root!r}]
from test_local import launcher, member
from components.train.group.watch import Watch
from trainer.spec import LaunchSpec
from pathlib import Path
place = Path(sys.argv[1])
members = [member(place, 0, steps=100000), member(place, 1, steps=100000, at=3, then="stop")]
local = launcher(2)
try:
    Watch(local, members, LaunchSpec(), lambda _: (place / "pids").write_text(
        " ".join(str(local.pid(one)) for one in members)), poll_seconds=0.05).run()
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)]
)
def test_no_replica_outlives_its_group(tmp_path: Path, sent: signal.Signals, status: int) -> None:
    code = GROUP.format(here=str(HERE), root=str(ROOT))
    group = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    progress = [tmp_path / str(index) / "run" / "progress.json" for index in range(2)]
    until(lambda: all(file.exists() for file in progress))
    # By now the second one has stopped itself, and would never look whether its group is there.
    time.sleep(0.5)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(alive(pid) for pid in pids)
    group.send_signal(sent)
    assert group.wait(10) == status
    until(lambda: not any(alive(pid) for pid in pids))
