"""Starts the replicas of a group, starts again those that die, and ends when the rules say so."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from absl import logging

from components.train.group import files, rules
from components.train.group.launcher import Launcher, Member, State
from components.train.group.standing import GroupProgress, Kind, Standing
from trainer.errors import TandemError
from trainer.spec import LaunchSpec

ENDS: tuple[Kind, ...] = ("finished", "refused", "lost", "late")
_Default = TypeVar("_Default", float, None)
_ACTIONS: dict[rules.Action, Kind] = {"finish": "finished", "refuse": "refused", "lose": "lost"}


@dataclasses.dataclass
class Ending:
    """How a replica went.

    Args:
        member: the replica.
        standing: the last that is known of it; its `kind` is one of `ENDS`.
        causes: why each attempt ended that did not finish, in order.
        seconds: from the start of the group to its end.
    """

    member: Member
    standing: Standing
    causes: list[str]
    seconds: float


@dataclasses.dataclass
class _Replica:
    member: Member
    kind: Kind = "waiting"
    restarts: int = 0
    restarts_elsewhere: int = 0
    causes: list[str] = dataclasses.field(default_factory=list)
    last: bytes = b""
    before: bytes = b""
    told: dict[str, Any] = dataclasses.field(default_factory=dict)
    moved_at: float = 0.0
    ran_at: float | None = None
    ended_at: float | None = None
    failed_at: float | None = None
    stalled: bool = False
    log_start: int = 0
    seconds: float = 0.0

    def standing(self) -> Standing:
        step, steps = (files.number(self.told, name) or 0 for name in ("step", "steps"))
        return Standing(
            index=self.member.index,
            kind=self.kind,
            restarts=self.restarts + self.restarts_elsewhere,
            step=int(step),
            steps=int(steps),
            examples_per_second=files.number(self.told, "examples_per_second") or 0.0,
            seconds_left=files.number(self.told, "seconds_left") or 0.0,
            loss=files.number(self.told, "loss"),
            staleness_steps=files.stalest(self.told),
        )


class Watch:
    """Looks after a group until it has ended.

    That a replica makes progress is seen by what it writes, on this process's clock: no clock is compared
    with that of another machine.

    Args:
        launcher: starts and stops the replicas; closed at the end, whatever happens.
        members: the replicas, by index.
        launch: limits of restarts, stalls and patience.
        show: told how they stand, at every look.
        clock: monotonic seconds. Defaults to `time.monotonic`.
        sleep: waits so many seconds. Defaults to `time.sleep`.
        poll_seconds: float above 0. Between two looks. Defaults to `0.5`.
    """

    def __init__(
        self,
        launcher: Launcher,
        members: Sequence[Member],
        launch: LaunchSpec,
        show: GroupProgress,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        poll_seconds: float = 0.5,
    ) -> None:
        self._launcher = launcher
        self._launch = launch
        self._show = show
        self._clock = clock
        self._sleep = sleep
        self._poll_seconds = poll_seconds
        self._replicas = [_Replica(member) for member in members]
        self._began = 0.0
        self._first: tuple[float, float, float] | None = None
        self._deadline: float | None = None

    def run(self) -> list[Ending]:
        """Runs the group to its end.

        Returns:
            One entry for each replica, by index.

        Raises:
            TandemError: what the launcher raises.
        """
        self._began = self._clock()
        try:
            for replica in self._replicas:
                if self._whole(replica):
                    # A run before this one ended after its training.
                    self._end(replica, "finished")
                else:
                    self._start(replica)
            while True:
                for replica in self._open():
                    self._look(replica)
                self._show([replica.standing() for replica in self._replicas])
                self._set_deadline()
                if rules.is_over([r.member.index for r in self._open()], self._now(), self._deadline):
                    break
                self._sleep(self._poll_seconds)
            for replica in self._open():
                self._end(replica, "finished" if self._whole(replica) else "late")
        finally:
            self._launcher.close()
        self._show([replica.standing() for replica in self._replicas])
        return [Ending(r.member, r.standing(), r.causes, r.seconds) for r in self._replicas]

    def _open(self) -> list[_Replica]:
        return [replica for replica in self._replicas if replica.kind not in ENDS]

    def _now(self) -> float:
        return self._clock() - self._began

    def _whole(self, replica: _Replica) -> bool:
        return bool(files.read_object(Path(replica.member.run_dir) / files.TRAINING))

    def _start(self, replica: _Replica) -> None:
        log = replica.member.log
        replica.log_start = log.stat().st_size if log.exists() else 0
        replica.moved_at, replica.stalled = self._now(), False
        replica.ended_at = replica.failed_at = None
        # What an attempt before it told is shown, but is no progress of this one.
        replica.last, told = files.read_json(Path(replica.member.run_dir) / files.PROGRESS)
        replica.told = told if isinstance(told, dict) else replica.told
        replica.kind, replica.before = "starting", replica.last
        self._launcher.start(replica.member)

    def _end(self, replica: _Replica, kind: Kind) -> None:
        replica.kind, replica.seconds = kind, self._now()
        if kind != "finished":
            self._let_go(replica)
        elif self._first is None:
            summary = files.read_object(Path(replica.member.run_dir) / files.TRAINING)
            took = files.number(summary, "seconds") or 0.0
            # Of this run only what came after the queue.
            ran = replica.seconds - _first_run(self._replicas, replica.seconds)
            took = max(ran, took)
            steps, planned = (files.number(summary, name) or 0.0 for name in ("steps", "steps_planned"))
            self._first = replica.seconds, took, took * max(planned / steps, 1.0) if steps else took
        logging.info("Replica %d: %s after %.0f s.", replica.member.index, kind, replica.seconds)

    def _let_go(self, replica: _Replica) -> None:
        """Where one that is given up still has a place to run, it is for others now."""
        try:
            self._launcher.stop(replica.member)
        except TandemError as error:
            logging.warning("Replica %d may still run: %s", replica.member.index, error)

    def _set_deadline(self) -> None:
        if self._first is not None and self._deadline is None:
            ran_at = _first_run(self._open(), None)
            self._deadline = rules.deadline_seconds(*self._first, self._launch.patience, ran_at)

    def _look(self, replica: _Replica) -> None:
        state, now = self._launcher.state(replica.member), self._now()
        if replica.stalled and state.kind == "waiting":
            state = dataclasses.replace(state, kind="failed")
        replica.restarts_elsewhere = state.restarts
        content, told = files.read_json(Path(replica.member.run_dir) / files.PROGRESS)
        if content != replica.last and isinstance(told, dict):
            replica.last, replica.told, replica.moved_at = content, told, now
        whole = self._whole(replica)
        if state.kind == "finished" and not whole:
            replica.ended_at = now if replica.ended_at is None else replica.ended_at
            if now - replica.ended_at < state.result_seconds:
                return
        if state.kind == "running" and replica.ran_at is None:
            replica.ran_at = now
        if not whole:
            self._name(replica, state, now)
        failed_seconds = 0.0 if replica.failed_at is None else now - replica.failed_at
        seen = rules.Seen(state, replica.restarts, now - replica.moved_at, failed_seconds, whole)
        action = rules.decide(seen, self._launch)
        if action == "stop":
            logging.warning("Replica %d: no progress for %.0f s.", replica.member.index, seen.quiet_seconds)
            replica.stalled = True
            self._launcher.stop(replica.member)
        elif action == "start":
            replica.restarts += 1
            self._start(replica)
        elif action in _ACTIONS:
            self._end(replica, _ACTIONS[action])
            if action == "finish" and state.kind == "running":
                self._let_go(replica)

    def _name(self, replica: _Replica, state: State, now: float) -> None:
        if state.kind == "waiting":
            replica.kind, replica.moved_at = "waiting", now
        elif state.kind == "running":
            replica.kind = "starting" if replica.last == replica.before else "training"
        elif replica.failed_at is None:
            replica.failed_at, replica.kind = now, "restarting"
            self._note(replica, state)

    def _note(self, replica: _Replica, state: State) -> None:
        reason = state.reason or ("no result" if state.kind == "finished" else "")
        if replica.stalled:
            reason = f"no progress for {self._launch.stall_seconds:g} s"
        # What one said before it was killed is no cause.
        words = files.last_words(replica.member.log, replica.log_start) if state.status else ""
        cause = ": ".join(filter(None, [reason, words])) or "ended for an unknown reason"
        replica.causes.append(cause)
        logging.warning("Replica %d failed: %s", replica.member.index, cause)


def _first_run(replicas: Sequence[_Replica], never: _Default) -> float | _Default:
    """When the first of them was seen to run."""
    return min((one.ran_at for one in replicas if one.ran_at is not None), default=never)
