"""Replicas as processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from absl import logging

from components.train.group.launcher import Member, State
from components.train.group.shares import cores, share
from trainer.faults import point

_PROJECT = Path(__file__).resolve().parents[3]

Environment = Callable[[Member, int], Mapping[str, str]]


class LocalLauncher:
    """Starts `python -m trainer` for each replica, with its share of the CPUs.

    No replica outlives this process, see `components.train.group.guard`; the thread that starts them must
    live as long as they shall.

    Args:
        replicas: int, at least 1. Among how many the machine is divided.
        environment: further variables of a member, given how often it was started before. Defaults to `None`.
        module: what a replica runs. Defaults to `trainer`.
    """

    def __init__(
        self, replicas: int, environment: Environment | None = None, module: str = "trainer"
    ) -> None:
        self._replicas = replicas
        self._environment = environment
        self._module = module
        self._available = cores()
        self._started: dict[int, int] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._refusals: dict[int, str] = {}

    def start(self, member: Member) -> None:
        """Starts it, unless it runs; one that cannot be started has failed."""
        if self.state(member).kind == "running":
            return
        before = self._started.get(member.index, 0)
        self._started[member.index] = before + 1
        self._processes.pop(member.index, None)
        command = [sys.executable, "-m", "components.train.group.guard", str(os.getpid())]
        command += [self._module, member.spec_path]
        try:
            point("group.start", str(member.index))
            member.log.parent.mkdir(parents=True, exist_ok=True)
            with member.log.open("ab") as log:
                self._processes[member.index] = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._variables(member, before),
                    # An interrupt from the keyboard is for the group, which then stops them all.
                    start_new_session=True,
                )
        except OSError as error:
            self._refusals[member.index] = f"not started: {error}"
            return
        logging.info(
            "Replica %d runs as process %d, log %s.",
            member.index,
            self._processes[member.index].pid,
            member.log,
        )

    def pid(self, member: Member) -> int | None:
        """Process id of a replica that was started, or None."""
        process = self._processes.get(member.index)
        return process.pid if process else None

    def state(self, member: Member) -> State:
        """How it is, without waiting."""
        process = self._processes.get(member.index)
        if process is None:
            reason = self._refusals.get(member.index)
            return State("failed", reason=reason) if reason else State("waiting")
        status = process.poll()
        if status is None:
            return State("running")
        if status < 0:
            return State("failed", reason=f"killed: {signal.strsignal(-status) or -status}")
        if status:
            return State("failed", status, reason=f"exit status {status}")
        return State("finished", 0)

    def stop(self, member: Member) -> None:
        """Kills it, with what it started: a training leaves nothing behind that is not whole."""
        process = self._processes.get(member.index)
        if process is not None and process.poll() is None:
            _kill(process)
            process.wait()

    def close(self) -> None:
        """Kills all of them."""
        running = [process for process in self._processes.values() if process.poll() is None]
        for process in running:
            _kill(process)
        for process in running:
            process.wait()

    def _variables(self, member: Member, before: int) -> dict[str, str]:
        given = dict(os.environ)
        # The sources that run here, whatever is installed.
        paths = [str(_PROJECT), *filter(None, [given.get("PYTHONPATH")])]
        found = given | share(member.index, self._replicas, self._available, given)
        found["PYTHONPATH"] = os.pathsep.join(paths)
        return found | dict(self._environment(member, before) if self._environment else {})


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        # It has just ended.
        return
