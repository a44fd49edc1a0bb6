"""Asks again for what the cluster did not do: a group that trains is not given up for an API that is away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, Protocol

from absl import logging

from components.train.group.cluster.observe import Seen
from components.train.group.launcher import Member
from trainer.errors import TandemError

PASSING = frozenset({"GROUP-027", "GROUP-030"})
"""Errors that may pass by themselves: no answer, or an error of the server."""


class Layout(Protocol):
    """How a group lies in the cluster: all replicas in one object, or an object for each."""

    def start(self, member: Member) -> None:
        """Starts a replica unless it runs."""

    def look(self, member: Member) -> Seen:
        """How a replica is."""

    def stop(self, member: Member) -> None:
        """Ends the pods of a replica."""

    def names(self) -> list[tuple[str, str]]:
        """Kind and name of every object that may be there."""


@dataclasses.dataclass
class _Undone:
    member: Member
    actions: list[Literal["start", "stop"]]
    at: float
    reason: str


class Steady:
    """A layout whose failures are borne, as a replica that waits.

    Until a replica has run, an error that does not pass by itself is raised: rights or settings are wrong.

    Args:
        layout: does the work.
        clock: monotonic seconds.
        retry_seconds: float. Pause before it is asked again.
    """

    def __init__(self, layout: Layout, clock: Callable[[], float], retry_seconds: float) -> None:
        self._layout, self._clock, self._retry_seconds = layout, clock, retry_seconds
        self._undone: dict[int, _Undone] = {}
        self._begun = False

    def start(self, member: Member) -> None:
        """Starts a replica, now or later.

        Raises:
            TandemError: see the class.
        """
        self._ask(member, "start")

    def stop(self, member: Member) -> None:
        """Stops a replica, now or later.

        Raises:
            TandemError: see the class.
        """
        self._ask(member, "stop")

    def look(self, member: Member) -> Seen:
        """How a replica is; does first what is still to be done, for others too: one may be given up.

        Raises:
            TandemError: see the class.
        """
        for due in list(self._undone.values()):
            if self._clock() >= due.at:
                self._do(due.member, due.actions)
        undone = self._undone.get(member.index)
        if undone is None:
            try:
                now = self._layout.look(member)
            except TandemError as error:
                undone = self._bear(member, error, [])
            else:
                self._begun = self._begun or now.kind in ("running", "finished")
                return now
        return Seen("waiting", blocked="api", reason=undone.reason)

    def _ask(self, member: Member, action: Literal["start", "stop"]) -> None:
        undone = self._undone.get(member.index)
        before = undone.actions if undone is not None else []
        # A stop takes back a start that was not done, but not the other way round.
        self._do(member, [action] if action == "stop" else [*before, action])

    def _do(self, member: Member, actions: list[Literal["start", "stop"]]) -> None:
        left = list(actions)
        try:
            while left:
                (self._layout.start if left[0] == "start" else self._layout.stop)(member)
                left.pop(0)
        except TandemError as error:
            self._bear(member, error, left)
        else:
            self._undone.pop(member.index, None)

    def _bear(self, member: Member, error: TandemError, left: list[Literal["start", "stop"]]) -> _Undone:
        if error.code not in PASSING and not self._begun:
            raise error
        logging.warning("Replica %d waits for the cluster: %s", member.index, error)
        undone = _Undone(member, left, self._clock() + self._retry_seconds, str(error))
        self._undone[member.index] = undone
        return undone
