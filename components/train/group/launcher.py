"""What starts the replicas of a group, wherever they run. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, Protocol


@dataclasses.dataclass(frozen=True)
class Member:
    """A replica as a launcher is told of it.

    Args:
        index: int, from 0.
        spec_path: JSON file with the `trainer.loop.RunSpec` of the replica, where the replica sees it.
        run_dir: where it leaves `progress.json`, and at its end `training.json`.
        log: file that keeps what it says, of all attempts.
    """

    index: int
    spec_path: str
    run_dir: str
    log: Path


@dataclasses.dataclass(frozen=True)
class State:
    """How a replica is.

    Args:
        kind: `waiting` for its place to run, `running`, `finished` with status 0, or `failed`.
        status: int or None. Exit status of one that failed; None if it was killed or is not known. Defaults
            to `None`.
        restarts: int, at least 0. Restarts that the platform made by itself. Defaults to `0`.
        final: whether starting it again is of no use, although its status is not 2. Defaults to `False`.
        reason: why it waits or failed, for people. Defaults to `""`.
        result_seconds: float, at least 0. How long after `finished` its result may still come into sight.
            Defaults to `0.0`.
    """

    kind: Literal["waiting", "running", "finished", "failed"]
    status: int | None = None
    restarts: int = 0
    final: bool = False
    reason: str = ""
    result_seconds: float = 0.0


class Launcher(Protocol):
    """Starts replicas and looks after them; which to start again is not its matter."""

    def start(self, member: Member) -> None:
        """Starts it, or starts it again after it has failed or was stopped; one that runs is left alone."""

    def state(self, member: Member) -> State:
        """How it is, without waiting.

        Raises:
            TandemError: for what no replica can go on with, such as missing rights.
        """

    def stop(self, member: Member) -> None:
        """Ends it in whatever state it is; its files stay."""

    def close(self) -> None:
        """Ends every replica that is left; nothing of the group runs afterwards."""
