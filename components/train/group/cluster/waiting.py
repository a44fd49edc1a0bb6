"""Replicas that wait: what for, and when that has taken too long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from absl import logging

from components.train.group.cluster import errors
from components.train.group.cluster.api import Api
from components.train.group.cluster.observe import NO_POD, Seen
from components.train.group.cluster.view import View
from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long the launcher waits for the cluster.

    Args:
        watch_seconds: int. Longest answer of a watch. Defaults to `60`.
        image_seconds: float. How long an image may not be pulled, at most `start_seconds` of the pods.
            Defaults to `600.0`.
        events_seconds: float. How long a replica may be without a pod before the reason is asked for.
            Defaults to `20.0`.
        gone_seconds: float. How long a pod may take to go, before its Job is given up or the next attempt
            starts without that. Defaults to `120.0`.
        close_seconds: float. How long the end of a group waits for pods and logs. Defaults to `20.0`.
        log_seconds: float. Between two tries to read a log. Defaults to `2.0`.
        words_seconds: float. How long the end and the last words of a pod may be on their way after its Job
            was seen to fail. Defaults to `10.0`.
        retry_seconds: float. Before the cluster is asked again for what it did not do. Defaults to `5.0`.
        forgive_seconds: float. How long a watch may be refused, as when roles are made anew, before the
            group is ended. Defaults to `300.0`.
        result_seconds: float. How long the result of a Job that is complete may not be seen: what a
            node knows of a directory on a volume of several is up to a minute old. Defaults to `90.0`.
    """

    watch_seconds: int = 60
    image_seconds: float = 600.0
    events_seconds: float = 20.0
    gone_seconds: float = 120.0
    close_seconds: float = 20.0
    log_seconds: float = 2.0
    words_seconds: float = 10.0
    retry_seconds: float = 5.0
    forgive_seconds: float = 300.0
    result_seconds: float = 90.0


@dataclasses.dataclass
class _Wait:
    since: float
    blocked: str = ""
    told: str = ""
    asked_at: float | None = None
    failure: TandemError | None = None


class Waits:
    """Keeps since when each replica waits for what.

    A queue may take any time: it says itself when it is the group's turn. Pods of an attempt before have a
    limit of their own, see `Each`.

    Args:
        api: the cluster.
        view: what it shows.
        start_seconds: float. How long a replica may wait for a node, an image on its way, a volume, a
            container or its quota.
        timing: other limits.
        clock: monotonic seconds.
    """

    def __init__(
        self, api: Api, view: View, start_seconds: float, timing: Timing, clock: Callable[[], float]
    ) -> None:
        self._api, self._view = api, view
        self._start_seconds, self._timing, self._clock = start_seconds, timing, clock
        self._waits: dict[int, _Wait] = {}

    def forget(self, index: int) -> None:
        """The replica no longer waits."""
        self._waits.pop(index, None)

    def has_failed(self, index: int) -> bool:
        """Whether the replica has waited for too long."""
        wait = self._waits.get(index)
        return wait is not None and wait.failure is not None

    def look(self, index: int, now: Seen) -> tuple[str, TandemError | None]:
        """Takes how a replica waits now.

        Args:
            index: of the replica.
            now: how it is.

        Returns:
            What it waits for, in the words of the cluster, and the error once that has taken too long.
        """
        wait = self._waits.setdefault(index, _Wait(self._clock()))
        blocked: str = now.blocked
        reason = now.reason
        if blocked == "" and now.reason == NO_POD:
            blocked, reason = self._without_pod(index, wait, reason)
        if blocked != wait.blocked:
            wait.blocked, wait.since = blocked, self._clock()
        if reason != wait.told:
            wait.told = reason
            logging.info("Replica %d waits: %s", index, reason)
        if blocked in ("queue", "before"):
            return reason, None
        longest = self._start_seconds
        if blocked in ("image", "going"):
            limit = self._timing.image_seconds if blocked == "image" else self._timing.gone_seconds
            longest = min(longest, limit)
        if wait.failure is None and self._clock() - wait.since >= longest:
            wait.failure = errors.blocked(blocked, index, longest, reason)
        return reason, wait.failure

    def _without_pod(self, index: int, wait: _Wait, reason: str) -> tuple[str, str]:
        """Why no pod was made: the controller says so in an event only."""
        now = self._clock()
        if now - wait.since < self._timing.events_seconds and not wait.blocked:
            return "", reason
        if wait.asked_at is None or now - wait.asked_at >= self._timing.events_seconds:
            wait.asked_at = now
            jobs = self._view.jobs(index)
            fields = f"involvedObject.name={jobs[-1]['metadata']['name']},reason=FailedCreate" if jobs else ""
            try:
                events = self._api.list("events", "", fields)[0] if jobs else []
            except TandemError as error:
                logging.info("Why there is no pod of replica %d is not known: %s", index, error)
                events = []
            return ("quota", str(events[-1].get("message"))) if events else ("api", reason)
        return wait.blocked, wait.told
