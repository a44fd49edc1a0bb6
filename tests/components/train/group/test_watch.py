"""A whole group on a clock that the test moves: no process, no waiting."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from components.train.group.launcher import Member, State
from components.train.group.standing import Standing
from components.train.group.watch import Ending, Watch
from trainer.errors import TandemError
from trainer.spec import LaunchSpec

RUNS = State("running")
KILLED = State("failed", reason="killed: Killed")
Life = Callable[[float, Path], State]


def trains(until: float, steps_per_second: int = 10, then: State | None = None) -> Life:
    """A training that goes on until it ends `until` seconds after its start."""

    def life(age: float, run_dir: Path) -> State:
        step = int(min(age, until) * steps_per_second)
        told = {"step": step, "steps": 1000, "loss": 0.5, "staleness_steps": {"1": 5}}
        (run_dir / "progress.json").write_text(json.dumps(told))
        if age < until:
            return RUNS
        if then is None:
            (run_dir / "training.json").write_text(json.dumps({"steps": step, "seconds": until}))
        return then or State("finished", 0)

    return life


def hangs(age: float, run_dir: Path) -> State:
    """Goes on for five seconds and then says nothing any more."""
    return trains(1e9)(min(age, 5.0), run_dir)


@dataclasses.dataclass
class World:
    """Launcher, clock and display in one; `lives` has one entry for each attempt of each replica."""

    place: Path
    lives: list[list[Life]]
    now: float = 0.0
    starts: dict[int, list[float]] = dataclasses.field(default_factory=dict)
    stops: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    stopped: set[int] = dataclasses.field(default_factory=set)
    shown: list[list[Standing]] = dataclasses.field(default_factory=list)
    closed: int = 0

    def __post_init__(self) -> None:
        self.members = [self._member(index) for index in range(len(self.lives))]

    def _member(self, index: int) -> Member:
        run_dir = self.place / str(index)
        run_dir.mkdir()
        return Member(index, "spec.json", str(run_dir), run_dir / "log")

    def start(self, member: Member) -> None:
        self.starts.setdefault(member.index, []).append(self.now)
        self.stopped.discard(member.index)

    def state(self, member: Member) -> State:
        if member.index in self.stopped:
            return KILLED
        starts = self.starts[member.index]
        life = self.lives[member.index][len(starts) - 1]
        return life(self.now - starts[-1], Path(member.run_dir))

    def stop(self, member: Member) -> None:
        self.stops.append((member.index, self.now))
        self.stopped.add(member.index)

    def close(self) -> None:
        self.closed += 1

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self, launch: LaunchSpec) -> list[Ending]:
        watch = Watch(
            self, self.members, launch, lambda s: self.shown.append(list(s)), lambda: self.now, self.sleep
        )
        return watch.run()


def kinds(endings: list[Ending]) -> list[str]:
    return [ending.standing.kind for ending in endings]


def test_a_replica_that_dies_is_started_again_and_the_others_do_not_notice(tmp_path: Path) -> None:
    world = World(tmp_path, [[trains(20)], [trains(5, then=KILLED), trains(10)]])
    endings = world.run(LaunchSpec())
    assert kinds(endings) == ["finished", "finished"]
    assert world.starts == {0: [0.0], 1: [0.0, 6.0]}
    assert [ending.standing.restarts for ending in endings] == [0, 1]
    assert endings[1].causes == ["killed: Killed"]
    assert [ending.seconds for ending in endings] == [20.0, 16.0]
    assert endings[0].standing.step == 200
    assert world.stops == []
    assert world.closed == 1
    seen = {standings[1].kind for standings in world.shown}
    assert seen == {"training", "restarting", "starting", "finished"}


def test_restarts_have_a_limit_and_one_that_finishes_is_enough(tmp_path: Path) -> None:
    dies = trains(1, then=KILLED)
    world = World(tmp_path, [[dies] * 3, [trains(30)]])
    endings = world.run(LaunchSpec(restarts=2))
    assert kinds(endings) == ["lost", "finished"]
    assert world.starts[0] == [0.0, 2.0, 5.0]
    assert len(endings[0].causes) == 3


def test_what_cannot_be_used_is_not_tried_again(tmp_path: Path) -> None:
    def refuses(age: float, run_dir: Path) -> State:
        if age == 1:
            with (run_dir / "log").open("a") as log:
                log.write("E1126 main.py:9] DATA-123: Expected 1. Received: 2\nafterwards\n")
        return RUNS if age < 1 else State("failed", 2, reason="exit status 2")

    world = World(tmp_path, [[refuses], [refuses]])
    world.members[0].log.write_text("DATA-001: Of a run before.\n")
    endings = world.run(LaunchSpec())
    assert endings[0].causes == ["exit status 2: DATA-123: Expected 1. Received: 2"]
    assert kinds(endings) == ["refused", "refused"]
    assert world.starts == {0: [0.0], 1: [0.0]}


def test_a_silent_replica_is_stopped_and_started_again(tmp_path: Path) -> None:
    world = World(tmp_path, [[trains(60)], [hangs, trains(10)]])
    endings = world.run(LaunchSpec(stall_seconds=30.0))
    assert kinds(endings) == ["finished", "finished"]
    assert world.stops == [(1, 35.0)]
    assert world.starts[1] == [0.0, 36.5]
    assert endings[1].causes == ["no progress for 30 s"]


def test_a_replica_that_waits_for_its_place_is_not_stalled(tmp_path: Path) -> None:
    def waits(age: float, run_dir: Path) -> State:
        return State("waiting") if age < 500 else trains(10)(age - 500, run_dir)

    world = World(tmp_path, [[waits], [trains(700)]])
    assert kinds(world.run(LaunchSpec(stall_seconds=30.0))) == ["finished", "finished"]
    assert world.stops == []
    assert world.shown[0][0].kind == "waiting"


def test_patience_ends_a_group(tmp_path: Path) -> None:
    world = World(tmp_path, [[trains(100)], [trains(150)], [trains(10_000)]])
    endings = world.run(LaunchSpec(patience=0.5))
    assert kinds(endings) == ["finished", "finished", "late"]
    assert world.now == 150.0
    assert world.stops == [(2, 150.0)]


def test_one_that_stops_early_does_not_end_the_others(tmp_path: Path) -> None:
    def stops_early(age: float, run_dir: Path) -> State:
        state = trains(20)(age, run_dir)
        if state.kind == "finished":
            told = {"steps": 200, "steps_planned": 1000, "seconds": 20.0}
            (run_dir / "training.json").write_text(json.dumps(told))
        return state

    world = World(tmp_path, [[stops_early], [trains(100)], [trains(10_000)]])
    assert kinds(world.run(LaunchSpec(patience=0.5))) == ["finished", "finished", "late"]
    assert world.now == 150.0


@pytest.mark.parametrize(
    ("then", "stops"),
    [(KILLED, []), (State("failed", 2), []), (State("failed", 1, final=True), []), (RUNS, [(0, 40.0)])],
)
def test_a_result_counts_however_the_replica_ended(
    tmp_path: Path, then: State, stops: list[tuple[int, float]]
) -> None:
    def ends(age: float, run_dir: Path) -> State:
        told = trains(10)(age, run_dir)
        return told if told.kind == "running" else then

    world = World(tmp_path, [[ends], [trains(100)]])
    endings = world.run(LaunchSpec(restarts=0, stall_seconds=30.0, patience=9.0))
    assert kinds(endings) == ["finished", "finished"]
    assert endings[0].causes == []
    # One that does not end after its result keeps no place that others could use.
    assert world.stops == stops


def test_one_whose_result_is_there_when_patience_ends_is_not_late(tmp_path: Path) -> None:
    def runs_on(age: float, run_dir: Path) -> State:
        trains(12)(age, run_dir)
        return RUNS

    world = World(tmp_path, [[trains(10)], [runs_on]])
    assert kinds(world.run(LaunchSpec(patience=0.5))) == ["finished", "finished"]
    assert world.now == 15.0


def test_one_that_had_finished_before_is_not_started(tmp_path: Path) -> None:
    world = World(tmp_path, [[], [trains(50)]])
    run_dir = Path(world.members[0].run_dir)
    (run_dir / "training.json").write_text(json.dumps({"steps": 7, "seconds": 400.0}))
    endings = world.run(LaunchSpec(patience=0.5))
    assert kinds(endings) == ["finished", "finished"]
    assert list(world.starts) == [1]


def test_the_others_lose_no_patience_while_they_wait_for_their_turn(tmp_path: Path) -> None:
    def waits(age: float, run_dir: Path) -> State:
        return State("waiting") if age < 500 else trains(40)(age - 500, run_dir)

    def lags(age: float, run_dir: Path) -> State:
        return State("waiting") if age < 500 else trains(60)(age - 500, run_dir)

    world = World(tmp_path, [[], [waits], [lags]])
    told = json.dumps({"steps": 7, "seconds": 100.0})
    (tmp_path / "0" / "training.json").write_text(told)
    endings = world.run(LaunchSpec(patience=0.5))
    assert kinds(endings) == ["finished", "finished", "late"]
    assert world.now == 550.0


def test_time_in_a_queue_is_no_time_of_training(tmp_path: Path) -> None:
    def after(seconds: float) -> Life:
        return lambda age, run_dir: State("waiting") if age < 1000 else trains(seconds)(age - 1000, run_dir)

    world = World(tmp_path, [[after(100)], [after(500)]])
    assert kinds(world.run(LaunchSpec(patience=0.5))) == ["finished", "late"]
    assert world.now == 1150.0


@pytest.mark.parametrize("given_up", [State("failed", 2), State("failed", final=True)])
@pytest.mark.parametrize("away", [False, True])
def test_one_that_is_given_up_is_stopped_and_that_ends_no_group(
    tmp_path: Path, given_up: State, away: bool
) -> None:
    world = World(tmp_path, [[trains(5, then=given_up)], [trains(20)]])

    def stop(member: Member) -> None:
        World.stop(world, member)
        if away:
            raise TandemError("GROUP-022", "No rights.")

    world.stop = stop  # type: ignore[method-assign]
    endings = world.run(LaunchSpec())
    assert kinds(endings) == ["refused" if given_up.status else "lost", "finished"]
    assert world.stops == [(0, 5.0)]


def test_a_result_that_is_seen_late_is_a_result(tmp_path: Path) -> None:
    def late(seconds: float) -> Life:
        def life(age: float, run_dir: Path) -> State:
            if age < 10:
                return trains(10)(age, run_dir)
            if age >= 10 + seconds:
                (run_dir / "training.json").write_text(json.dumps({"steps": 100, "seconds": 10.0}))
            return State("finished", 0, result_seconds=90.0)

        return life

    world = World(tmp_path, [[late(60)], [late(1e9), trains(5)]])
    endings = world.run(LaunchSpec(patience=10.0))
    assert kinds(endings) == ["finished", "finished"]
    assert [ending.causes for ending in endings] == [[], ["no result"]]
    assert world.starts == {0: [0.0], 1: [0.0, 101.0]}


def test_what_a_run_before_told_is_shown_but_is_no_progress(tmp_path: Path) -> None:
    def starts(age: float, run_dir: Path) -> State:
        return RUNS if age < 5 else trains(20)(age - 5, run_dir)

    world = World(tmp_path, [[starts], [trains(20)]])
    (tmp_path / "0" / "progress.json").write_text(json.dumps({"step": 77, "steps": 1000}))
    assert kinds(world.run(LaunchSpec())) == ["finished", "finished"]
    assert [(s[0].kind, s[0].step) for s in world.shown[:11]] == [("starting", 77)] * 10 + [("training", 0)]


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), TandemError("GROUP-030", "No rights.")])
def test_whatever_ends_it_nothing_runs_afterwards(tmp_path: Path, raised: BaseException) -> None:
    world = World(tmp_path, [[trains(50)], [trains(50)]])

    def state(member: Member) -> State:
        if world.now > 10:
            raise raised
        return World.state(world, member)

    world.state = state  # type: ignore[method-assign]
    with pytest.raises(type(raised)):
        world.run(LaunchSpec())
    assert world.closed == 1


def test_a_torn_or_foreign_progress_file_is_no_progress(tmp_path: Path) -> None:
    def tears(age: float, run_dir: Path) -> State:
        (run_dir / "progress.json").write_text('{"step": ' + str(age))
        return RUNS

    def lists(age: float, run_dir: Path) -> State:
        (run_dir / "progress.json").write_text(json.dumps([age]))
        return RUNS

    world = World(tmp_path, [[tears] * 2, [lists] * 2, [trains(100)]])
    endings = world.run(LaunchSpec(restarts=1, stall_seconds=20.0))
    assert kinds(endings) == ["lost", "lost", "finished"]
    assert [standing.step for standing in world.shown[-1]] == [0, 0, 1000]
