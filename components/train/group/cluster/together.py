"""A group of one JobSet that holds all replicas; its controller makes a Job that gave up anew."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from absl import logging

from components.train.group.cluster import errors, manifest
from components.train.group.cluster.api import Api, Document
from components.train.group.cluster.manifest import Replica
from components.train.group.cluster.observe import Seen, conditions_of
from components.train.group.cluster.settings import Pods
from components.train.group.cluster.view import View, attempt_of
from components.train.group.launcher import Member
from trainer.errors import TandemError
from trainer.faults import point


@dataclasses.dataclass
class _Place:
    member: Member
    uid: str = ""
    failure: Seen | None = None
    told_uid: str = ""
    parked: bool = False
    crashes: int = 0
    missing_since: float | None = None


class Together:
    """One JobSet, which a queue admits as a whole.

    A replica is stopped by letting its Job run no pods, and started again by letting it run them: the JobSet
    would make a Job that was removed anew. A Job that gave up is made anew too, and is kept from running
    until the replica is started again.

    A pod that has not gone, of a node that is lost, is waited for: its Job replaces it no sooner, whoever
    starts the replica again. What a Job may restart by itself is part of the JobSet and stays as it is, so a
    replica that was also started again from here may fail that much more often than `restarts`.

    Args:
        api: the cluster.
        view: what it shows.
        pods: what the pods get.
        group: name of the group.
        restarts: restarts that the cluster may make by itself.
        members: all replicas; those that are not started are left out of the JobSet.
        attempt: int. Number of the JobSet, which is part of its name.
        there: whether it is there already.
        missing_seconds: after how long without a Job the JobSet is looked for. Defaults to `30.0`.
        clock: monotonic seconds. Defaults to `time.monotonic`.
    """

    kind = "jobsets"

    def __init__(
        self,
        api: Api,
        view: View,
        pods: Pods,
        group: str,
        restarts: int,
        members: Sequence[Member],
        attempt: int,
        there: bool,
        missing_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._view, self._pods, self._group = api, view, pods, group
        self._restarts, self._attempt, self._created = restarts, attempt, there
        self._missing_seconds, self._clock = missing_seconds, clock
        self._places: dict[int, _Place] = {}
        for member in members if there else ():
            place = _Place(member)
            job = self._job(place)
            if job is not None:
                place.uid, place.parked = _uid(job), (job.get("spec") or {}).get("parallelism") == 0
                self._places[member.index] = place

    def start(self, member: Member) -> None:
        """Lets a replica run; the JobSet is made at the first look, with all that were started by then."""
        place = self._places.setdefault(member.index, _Place(member))
        finished = self._view.seen(self._job(place)).kind == "finished"
        if place.failure is None and not place.parked and not finished:
            return
        if place.failure is not None:
            place.crashes += place.failure.restarts
        # A Job that is complete stays so.
        place.failure = Seen("failed", reason="it ended without a result", final=True) if finished else None
        if self._created and not finished:
            self._resume(place)

    def look(self, member: Member) -> Seen:
        """How a replica is."""
        if not self._created:
            self._create()
        self._look_at_others(member)
        place = self._places.get(member.index)
        if place is None:
            return Seen("waiting", reason="not started")
        job = self._job(place)
        if job is not None and _uid(job) != place.uid:
            self._renewed(place, job)
        elif job is not None and "Failed" in conditions_of(job) and place.told_uid != place.uid:
            place.failure, place.told_uid = self._view.seen(job), place.uid
        if place.failure is None and job is None:
            place.failure = self._missing(place)
        if place.failure is not None:
            now = place.failure
        elif job is None or "Failed" in conditions_of(job):
            now = Seen("waiting", blocked="api", reason="its Job is not there yet")
        else:
            now, place.missing_since = self._view.seen(job), None
            if now.blocked == "going":
                # Another attempt would be of the same Job, and wait for the same pod.
                now = dataclasses.replace(now, blocked="api")
        return dataclasses.replace(now, restarts=place.crashes + now.restarts)

    def stop(self, member: Member) -> None:
        """Lets the Job of a replica run no pods."""
        place = self._places.get(member.index)
        if place is not None and not place.parked:
            self._park(place)
            if place.failure is None:
                place.failure = Seen("failed", reason="it was stopped")

    def names(self) -> list[tuple[str, str]]:
        """Kind and name of the object."""
        return [(self.kind, manifest.all_name(self._group, self._attempt))] if self._created else []

    def _create(self) -> None:
        places = [self._places[index] for index in sorted(self._places)]
        replicas = [Replica(one.member.index, one.member.spec_path, self._attempt) for one in places]
        document = manifest.jobset_of_all(self._pods, self._group, replicas, self._restarts)
        name = document["metadata"]["name"]
        point("group.create_all", name)
        if not self._api.create(self.kind, document):
            own, _ = self._api.list(self.kind, manifest.selector(self._group))
            if name not in {one["metadata"]["name"] for one in own}:
                raise errors.taken(self.kind, name)
        self._created = True
        logging.info("Created jobset %s of %d replicas.", name, len(replicas))

    def _job(self, place: _Place) -> Document | None:
        jobs = [j for j in self._view.jobs(place.member.index) if attempt_of(j) == self._attempt]
        # While one replaces another both may be there.
        return max(jobs, key=lambda job: str(job["metadata"].get("creationTimestamp"))) if jobs else None

    def _look_at_others(self, member: Member) -> None:
        """One that was given up is not asked for again, but its Job may be made anew."""
        for place in self._places.values():
            job = self._job(place) if place.member.index != member.index else None
            if job is None or _uid(job) == place.uid:
                continue
            try:
                self._renewed(place, job)
            except TandemError as error:
                logging.info("Replica %d may run although it failed: %s", place.member.index, error)

    def _renewed(self, place: _Place, job: Document) -> None:
        """The first Job of a replica, or one that took the place of a Job that gave up."""
        if place.uid and place.uid != place.told_uid:
            place.failure, place.told_uid = self._view.end(place.uid), place.uid
        # Otherwise not before, or started again since; if not, the failure is still told.
        if place.failure is not None:
            self._park(place)
        # Last, so that a Job that could not be kept from running is still new at the next look.
        place.uid = _uid(job)

    def _missing(self, place: _Place) -> Seen | None:
        """Looks for the JobSet when a replica is without a Job for long."""
        now = self._clock()
        if place.missing_since is None:
            place.missing_since = now
        if now - place.missing_since < self._missing_seconds:
            return None
        place.missing_since = now
        found, _ = self._api.list(self.kind, manifest.selector(self._group))
        return None if found else Seen("failed", reason="its jobset was removed by another", final=True)

    def _park(self, place: _Place) -> None:
        job = self._job(place)
        if job is not None:
            point("group.park", job["metadata"]["name"])
            self._api.park(job["metadata"]["name"], 0)
        place.parked = True

    def _resume(self, place: _Place) -> None:
        job = self._job(place)
        if job is not None and place.parked:
            point("group.resume", job["metadata"]["name"])
            self._api.park(job["metadata"]["name"], self._pods.hosts)
        place.parked = False


def _uid(job: Document) -> str:
    return str(job["metadata"]["uid"])
