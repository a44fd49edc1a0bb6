"""Groups of real trainings, with replicas that die, hang, crawl, publish rubbish and run out of disk."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.train.group.launcher import Member
from components.train.group.local import LocalLauncher
from components.train.group.run import run_group
from components.train.group.standing import Standing
from tests.trainer import transformed
from trainer.errors import TandemError
from trainer.export import digest
from trainer.loop import RunSpec
from trainer.spec import CodistillationSpec, EarlyStoppingSpec, LaunchSpec, TrainSpec

EPOCHS, STEPS = 150, 1350
# Long enough for a test to see a training go on, however fast the machine is: 50 ms at each evaluation.
SLOW = {"TANDEM_FAULT": "slow storage.write history.json"}
Show = Callable[[Sequence[Standing]], None]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> transformed.Place:
    return transformed.build(tmp_path_factory.mktemp("graph"))


@pytest.fixture
def spec(place: transformed.Place, tmp_path: Path) -> Callable[..., RunSpec]:
    """The specification of a group by its number of replicas."""

    def make(replicas: int, **launch: Any) -> RunSpec:
        group = CodistillationSpec(replicas=replicas, exchange_every_steps=50, launch=LaunchSpec(**launch))
        return RunSpec(
            features=transformed.features(),
            model=transformed.MODEL,
            train=TrainSpec(
                batch_size=32,
                epochs=float(EPOCHS),
                evaluations_per_epoch=1,
                checkpoint_every_steps=100,
                # What teaches when is a matter of time, and so is when the loss no longer falls.
                early_stopping=EarlyStoppingSpec(enabled=False),
                codistillation=group,
            ),
            train_files=(str(place.transformed),),
            validation_files=(str(place.transformed),),
            eval_raw_files=(str(place.raw),),
            recorded_requests=20,
            transform_graph_dir=str(place.graph),
            checkpoint_dir=str(tmp_path / "checkpoints" / "0123456789abcdef"),
            output_dir=str(tmp_path / "model"),
            run_dir=str(tmp_path / "model_run"),
        )

    return make


class Chaos:
    """Does something once to the process of a replica when that has come so far.

    Args:
        launcher: knows the processes.
        deeds: by replica, steps at which each deed is done, in order.
    """

    def __init__(self, launcher: LocalLauncher, deeds: dict[int, list[tuple[int, Callable[[int], None]]]]):
        self._launcher, self._deeds = launcher, deeds
        self.seen: list[Sequence[Standing]] = []

    def __call__(self, standings: Sequence[Standing]) -> None:
        self.seen.append(standings)
        for one in standings:
            deeds = self._deeds.get(one.index, [])
            if deeds and one.kind == "training" and one.step >= deeds[0][0]:
                pid = self._launcher.pid(Member(one.index, "", "", Path()))
                assert pid is not None
                deeds.pop(0)[1](pid)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def crawl(pid: int) -> None:
    """From now on it runs a tenth of the time."""

    def beat() -> None:
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.45)
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.05)

    threading.Thread(target=beat, daemon=True).start()


def environments(*given: Mapping[str, str]) -> Callable[[Member, int], Mapping[str, str]]:
    """Variables of each replica; those of later attempts only slow it down."""
    return lambda member, before: SLOW if before else {**SLOW, **given[member.index]}


def outcome(spec: RunSpec) -> dict[str, Any]:
    """What the group left, after a look at the model."""
    found: dict[str, Any] = json.loads((Path(spec.run_dir) / "group.json").read_text())
    summary = json.loads((Path(spec.run_dir) / "training.json").read_text())
    assert digest(Path(spec.output_dir) / "Format-Serving") == summary["model_digest"]
    assert summary["codistillation"]["replica"] == found["chosen"]
    assert (Path(spec.run_dir) / "requests.tfrecord").is_file()
    losses = [one["validation_loss"] for one in found["replicas"] if one["end"] == "finished"]
    assert found["replicas"][found["chosen"]]["validation_loss"] == min(losses)
    return found


def column(found: dict[str, Any], name: str) -> list[Any]:
    return [one[name] for one in found["replicas"]]


def words(spec: RunSpec, index: int) -> str:
    return (Path(spec.checkpoint_dir) / f"replica-{index}" / "replica.log").read_text()


def test_with_one_killed_one_stopped_and_one_slowed_down_the_group_ends_with_a_model(
    spec: Callable[..., RunSpec],
) -> None:
    given = spec(4, patience=1.5, stall_seconds=3600.0)
    launcher = LocalLauncher(4, environments({}, {}, {}, {}))
    chaos = Chaos(launcher, {1: [(300, kill), (700, kill)], 2: [(200, stop)], 3: [(100, crawl)]})
    run_group(given, chaos, launcher)
    found = outcome(given)
    ends = column(found, "end")
    assert ends[:3] == ["finished", "finished", "late"]
    assert ends[3] in ("finished", "late")
    assert column(found, "restarts") == [0, 2, 0, 0]
    assert column(found, "causes")[1] == ["killed: Killed"] * 2
    assert column(found, "steps")[:2] == [STEPS, STEPS]
    assert "Continues after step" in words(given, 1)
    # It was taught by the others whatever became of them, and never waited.
    assert column(found, "teaching_steps")[0] > 0
    assert found["chosen"] in (0, 1, 3)


class Killer:
    """Kills a replica by chance every few seconds, whatever it does, and ever more rarely."""

    def __init__(self, launcher: LocalLauncher, seed: int) -> None:
        self._launcher, self._random = launcher, random.Random(seed)
        self._next = time.monotonic()
        self.kills = 0

    def __call__(self, standings: Sequence[Standing]) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._random.uniform(0.0, 4.0 + 2.0 * self.kills)
        one = self._random.choice(standings)
        pid = self._launcher.pid(Member(one.index, "", "", Path()))
        if pid is not None and one.kind in ("starting", "training"):
            kill(pid)
            self.kills += 1


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_any_replica_may_be_killed_at_any_moment(spec: Callable[..., RunSpec], seed: int) -> None:
    given = spec(3, restarts=100, patience=2.0)
    launcher = LocalLauncher(3, environments({}, {}, {}))
    killer = Killer(launcher, seed)
    run_group(given, killer, launcher)
    found = outcome(given)
    assert killer.kills > 3
    # The last kills may be of replicas that were stopped as late before they started again.
    assert 0 <= killer.kills - sum(column(found, "restarts")) <= 3
    assert all(cause == "killed: Killed" for causes in column(found, "causes") for cause in causes)


@contextlib.contextmanager
def damaging(folder: Path) -> Iterator[None]:
    """Cuts one part and turns a bit of another, again and again, as fast as they are published."""
    done = threading.Event()

    def damage() -> None:
        for turn in range(10**9):
            if done.wait(0.02):
                return
            for number, file in enumerate(sorted(folder.glob("*"))):
                with contextlib.suppress(OSError):
                    content = bytearray(file.read_bytes())
                    content[len(content) // 2 : len(content) // 2 + 1] = b"\xff"
                    file.write_bytes(bytes(content[: len(content) - (turn + number) % 2 * 7]))

    thread = threading.Thread(target=damage)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_rubbish_a_wrong_clock_and_a_full_disk_of_one_do_not_touch_the_others(
    spec: Callable[..., RunSpec], tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    given = spec(3, directory=str(shared), patience=5.0)
    base = shared / Path(given.checkpoint_dir).name
    # A clock ten years ahead, for the replica whose publications are damaged.
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(
        "import time\nreal = time.time\ntime.time = lambda: real() + 315e6\n"
    )
    project = Path(__file__).parents[2]
    ahead = {"PYTHONPATH": f"{tmp_path / 'clock'}{os.pathsep}{project}"}
    full = {"TANDEM_FAULT": "ENOSPC* storage.write *.part"}
    launcher = LocalLauncher(3, environments({}, ahead, full))
    with damaging(base / "exchange" / "replica-1"):
        run_group(given, lambda _: None, launcher)
    found = outcome(given)
    assert column(found, "end") == ["finished"] * 3
    assert column(found, "restarts")[:2] == [0, 0]
    assert column(found, "restarts")[2] >= 1
    assert all("No space left on device" in cause for cause in column(found, "causes")[2])
    summaries = [
        json.loads((base / f"replica-{index}" / "run" / "training.json").read_text()) for index in range(3)
    ]
    taught = [summary["codistillation"] for summary in summaries]
    assert taught[2]["peers"]["0"]["taken"] > 0
    assert taught[0]["exchange"]["publications_refused"] + taught[2]["exchange"]["publications_refused"] > 0
    assert column(found, "steps") == [STEPS] * 3


def test_a_directory_of_another_group_is_refused_by_every_replica(
    spec: Callable[..., RunSpec], tmp_path: Path
) -> None:
    given = spec(2, directory=str(tmp_path / "shared"))
    exchange = tmp_path / "shared" / Path(given.checkpoint_dir).name / "exchange"
    exchange.mkdir(parents=True)
    (exchange / "group.json").write_text(json.dumps({"format": 1, "group": "another"}))
    with pytest.raises(TandemError) as caught:
        run_group(given, lambda _: None, LocalLauncher(2))
    assert (caught.value.code, caught.value.exit_status) == ("GROUP-004", 2)
    assert caught.value.message.count("CODIST-001") == 2
    assert not Path(given.output_dir).exists()


def test_when_nobody_is_left_the_causes_are_told(spec: Callable[..., RunSpec]) -> None:
    given = spec(2, restarts=0, patience=20.0)
    broken = {"TANDEM_FAULT": "raise train.begin"}
    launcher = LocalLauncher(2, lambda *_: broken)
    with pytest.raises(TandemError) as caught:
        run_group(given, lambda _: None, launcher)
    assert (caught.value.code, caught.value.exit_status) == ("GROUP-001", 1)
    assert "replica 0 lost (exit status 1: " in caught.value.message
    assert "train.begin" in caught.value.message
    assert "replica-1" in caught.value.hint
    # Now without the fault: it goes on from where it was.
    again = dataclasses.replace(given, train=dataclasses.replace(given.train, epochs=2.0))
    run_group(again, lambda _: None, LocalLauncher(2))
    assert column(outcome(again), "end") == ["finished", "finished"]
