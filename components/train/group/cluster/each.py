"""A group of one object for each replica: a JobSet, or a Job where there is no JobSet."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Literal

from absl import logging

from components.train.group.cluster import errors, manifest
from components.train.group.cluster.api import Api, Document
from components.train.group.cluster.manifest import Replica
from components.train.group.cluster.observe import Seen
from components.train.group.cluster.settings import Pods
from components.train.group.cluster.view import View, attempt_of, index_of, runs
from components.train.group.launcher import Member
from trainer.faults import point


@dataclasses.dataclass
class _Place:
    replica: Replica
    backoff: int
    since: float
    asked: bool = False
    created: bool = False
    stopped: bool = False
    shown: bool = False
    crashes: int = 0
    starts: int = 0


class Each:
    """Starts, stops and starts again the object of one replica without touching another.

    Args:
        api: the cluster.
        view: what it shows.
        kind: `jobsets` or `jobs`.
        pods: what the pods get.
        group: name of the group.
        restarts: restarts of each replica over all its attempts; the cluster may make by itself what is left
            after those that were made from here.
        members: all replicas.
        there: the objects that are there already.
        gone_seconds: how long a new attempt waits for pods of the one before to go. After that it starts: a
            node that is lost never says so. Defaults to `120.0`.
        clock: monotonic seconds. Defaults to `time.monotonic`.
    """

    def __init__(
        self,
        api: Api,
        view: View,
        kind: Literal["jobsets", "jobs"],
        pods: Pods,
        group: str,
        restarts: int,
        members: Sequence[Member],
        there: Sequence[Document],
        gone_seconds: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._view, self.kind = api, view, kind
        self._pods, self._group, self._restarts = pods, group, restarts
        self._gone_seconds, self._clock = gone_seconds, clock
        self._places: dict[int, _Place] = {}
        for member in members:
            self._adopt(member, there)

    def start(self, member: Member) -> None:
        """Makes the object of a new attempt, unless one that has not ended is there."""
        place = self._places.get(member.index)
        crashes = starts = 0
        if place is not None:
            now = self._seen(place)
            if now.kind in ("waiting", "running") and not place.stopped:
                place.starts = max(1, place.starts)
                return
            self._remove(place)
            crashes, starts = place.crashes, place.starts
        attempt = max(self._view.attempts(member.index), place.replica.attempt + 1 if place else 0)
        replica = Replica(member.index, member.spec_path, attempt)
        backoff = max(0, self._restarts - crashes - starts)
        made = _Place(replica, backoff, self._clock(), crashes=crashes, starts=starts + 1)
        self._places[member.index] = made
        self._advance(made)

    def look(self, member: Member) -> Seen:
        """How a replica is; makes its object if it still waited for pods of the attempt before."""
        place = self._places.get(member.index)
        if place is None:
            return Seen("waiting", reason="not started")
        if not place.created and not place.stopped:
            self._advance(place)
        now = self._seen(place)
        return dataclasses.replace(now, restarts=place.crashes + now.restarts)

    def stop(self, member: Member) -> None:
        """Removes the object of a replica, with its pods, unless it has ended."""
        place = self._places.get(member.index)
        # What has ended runs nothing, and its last words may still be on their way.
        if place is not None and self._seen(place).kind in ("waiting", "running"):
            self._remove(place)

    def names(self) -> list[tuple[str, str]]:
        """Kind and name of every object that may be there."""
        return [(self.kind, self._name(place)) for place in self._places.values() if place.asked]

    def _adopt(self, member: Member, there: Sequence[Document]) -> None:
        """Takes over the newest attempt that is there; of older ones nothing may run."""
        for attempt in sorted(attempt_of(one) for one in there if index_of(one) == member.index):
            if member.index in self._places:
                self._remove(self._places[member.index])
            replica = Replica(member.index, member.spec_path, attempt)
            place = _Place(replica, 0, self._clock(), asked=True, created=True)
            self._places[member.index] = place
            logging.info("Replica %d is there already: %s.", member.index, self._name(place))

    def _seen(self, place: _Place) -> Seen:
        if place.stopped:
            return Seen("failed", reason="it was stopped")
        if not place.created:
            reason = "pods of the attempt before are still going"
            return Seen("waiting", blocked="before", reason=reason)
        jobs = [j for j in self._view.jobs(place.replica.index) if attempt_of(j) == place.replica.attempt]
        if jobs:
            place.shown = True
            return self._view.seen(jobs[0])
        if not place.shown:
            return self._view.seen(None)
        return Seen("failed", reason=f"its {self.kind[:-1]} {self._name(place)} was removed by another")

    def _advance(self, place: _Place) -> None:
        waited = self._clock() - place.since
        if any(runs(pod) for pod in self._view.pods(place.replica.index)) and waited < self._gone_seconds:
            return
        make = manifest.job if self.kind == "jobs" else manifest.jobset
        document = make(self._pods, self._group, place.replica, place.backoff)
        name = document["metadata"]["name"]
        point("group.create", name)
        place.asked = True
        if not self._api.create(self.kind, document):
            # An answer that was lost is asked for again, and then it is there: made a moment ago by this.
            own, _ = self._api.list(self.kind, manifest.selector(self._group))
            if name not in {one["metadata"]["name"] for one in own}:
                raise errors.taken(self.kind, name)
        place.created = True
        logging.info("Created %s %s of replica %d.", self.kind[:-1], name, place.replica.index)

    def _remove(self, place: _Place) -> None:
        if place.stopped:
            return
        crashes = self._seen(place).restarts
        if place.asked:
            point("group.delete", self._name(place))
            self._api.delete(self.kind, self._name(place))
        place.stopped, place.crashes = True, place.crashes + crashes

    def _name(self, place: _Place) -> str:
        return manifest.replica_name(self._group, place.replica)
