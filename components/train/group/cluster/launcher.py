"""Replicas as pods: the launcher of a cluster."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from absl import logging

from components.train.group.cluster import errors, manifest
from components.train.group.cluster.api import Api, Document
from components.train.group.cluster.each import Each
from components.train.group.cluster.logs import Logs
from components.train.group.cluster.manifest import Replica
from components.train.group.cluster.settings import Pods
from components.train.group.cluster.steady import Layout, Steady
from components.train.group.cluster.together import Together
from components.train.group.cluster.view import (
    View,
    attempt_of,
    has_started,
    host_of,
    index_of,
    is_going,
    runs,
)
from components.train.group.cluster.waiting import Timing, Waits
from components.train.group.launcher import Member, State
from trainer.errors import TandemError
from trainer.faults import point

# Named by a server that does not know the action, or does not allow it.
_RESTART_ONE = "RestartJob"


class ClusterLauncher:
    """Starts each replica as pods that the cluster restarts, and looks after them.

    The cluster replaces a pod that failed, up to `restarts`, and one that it took away itself, always. When
    the group ends is decided here and by no controller.

    Args:
        api: the cluster.
        pods: what the pods get.
        group: name of the group. Objects of that name that are there already are taken over.
        restarts: int, at least 0. How often the cluster may restart each replica.
        members: all replicas.
        timing: how long it waits. Defaults to `None`, a `Timing()`.
        clock: monotonic seconds. Defaults to `time.monotonic`.

    Raises:
        TandemError: `GROUP-022` to `GROUP-030` if the cluster does not take the group.
    """

    def __init__(
        self,
        api: Api,
        pods: Pods,
        group: str,
        restarts: int,
        members: Sequence[Member],
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._pods, self._group = api, pods, group
        self._members = {member.index: member for member in members}
        self._timing, self._clock = timing or Timing(), clock
        limits = (self._timing.watch_seconds, self._timing.forgive_seconds, self._timing.words_seconds)
        self._view = View(api, group, *limits)
        self._waits = Waits(api, self._view, pods.start_seconds, self._timing, clock)
        self._logs = Logs(api, self._has_ended, self._timing.log_seconds)
        self._told: set[int] = set()
        try:
            self._layout: Layout = self._choose(restarts)
        except BaseException:
            self._view.close()
            raise
        self._steady = Steady(self._layout, clock, self._timing.retry_seconds)

    def start(self, member: Member) -> None:
        """Starts it, or starts it again after it has failed or was stopped; one that runs is left alone.

        Raises:
            TandemError: `GROUP-022` to `GROUP-030`.
        """
        if self._waits.has_failed(member.index):
            self._steady.stop(member)
        self._waits.forget(member.index)
        self._told.discard(member.index)
        self._steady.start(member)

    def state(self, member: Member) -> State:
        """How it is; also hands on what its pods say.

        Raises:
            TandemError: `GROUP-022` to `GROUP-030`: the cluster no longer lets itself be asked.
        """
        now = self._steady.look(member)
        self._follow()
        if now.kind != "waiting":
            self._waits.forget(member.index)
            if now.kind == "failed" and now.status and member.index not in self._told:
                self._let_tell(member)
            late = self._timing.result_seconds
            return State(now.kind, now.status, now.restarts, now.final, now.reason, late)
        reason, failure = self._waits.look(member.index, now)
        if failure is None:
            return State("waiting", restarts=now.restarts, reason=reason)
        # A pod that does not go holds up its own Job only: another attempt is of use.
        return State("failed", restarts=now.restarts, final=now.blocked != "going", reason=str(failure))

    def stop(self, member: Member) -> None:
        """Ends its pods; files and logs stay.

        Raises:
            TandemError: `GROUP-022`, `GROUP-027` or `GROUP-030`.
        """
        self._steady.stop(member)

    def close(self) -> None:
        """Removes everything of the group, and waits a little for its pods to go and their logs to come.

        What cannot be removed is told in the log: the cluster does so itself once the replicas have ended.
        """
        deadline = self._clock() + self._timing.close_seconds
        # A second signal, as an impatient user or a node sends it, would leave pods that train for nobody.
        with _signals_held():
            self._follow(quietly=True)
            names, copied = self._names(), self._copied()
            # The pods of an object go with it, and what they said before they ended must be copied first.
            later = [one for one in names if any(pod.startswith(f"{one[1]}-") for pod in copied)]
            self._delete([one for one in names if one not in later])
            self._logs.close(self._timing.close_seconds / 4)
            self._delete(later)
        try:
            while any(runs(pod) for pod in self._view.pods()) and self._clock() < deadline:
                time.sleep(0.1)
        except TandemError as error:
            logging.warning("Whether the pods have gone is not known: %s", error)
        self._view.close()

    def _copied(self) -> list[str]:
        """Names of pods that have ended and whose logs are still being copied."""
        try:
            ended = [pod["metadata"]["name"] for pod in self._view.pods() if not runs(pod)]
        except TandemError:
            return []
        return [pod for pod in ended if self._logs.copies(pod)]

    def _delete(self, names: Sequence[tuple[str, str]]) -> None:
        for kind, name in names:
            try:
                point("group.delete_all", name)
                self._api.delete(kind, name)
            except (TandemError, OSError) as error:
                logging.warning("%s %s is left in the cluster: %s", kind[:-1], name, error)

    def _names(self) -> list[tuple[str, str]]:
        """What there is to remove: what was made, and whatever else carries the group's label."""
        found = set(self._layout.names())
        for kind in {kind for kind, _ in found}:
            try:
                own, _ = self._api.list(kind, manifest.selector(self._group))
            except TandemError as error:
                logging.warning("Which %s are left is not known: %s", kind, error)
            else:
                found |= {(kind, one["metadata"]["name"]) for one in own}
        return sorted(found)

    def _choose(self, restarts: int) -> Each | Together:
        """One JobSet where one can hold replicas apart, else a JobSet for each, else a Job for each."""
        api, group = self._api, self._group
        serves = self._pods.kind != "jobs" and api.serves_jobset()
        if self._pods.kind == "jobset" and not serves:
            raise errors.no_jobset()
        sets = api.list("jobsets", manifest.selector(group))[0] if serves else []
        sets = [one for one in sets if not is_going(one)]
        whole = [attempt_of(one) for one in sets if manifest.is_of_all(one)]
        if whole:
            return self._together(restarts, max(whole), there=True)
        if sets:
            return self._each("jobsets", restarts, sets)
        jobs = [job for index in self._members for job in self._view.jobs(index)]
        # Those of a JobSet that was removed go a moment later.
        plain = [one for one in jobs if not one["metadata"].get("ownerReferences")]
        if plain or not serves:
            return self._each("jobs", restarts, plain)
        return self._try(restarts)

    def _try(self, restarts: int) -> Each | Together:
        """Asks the server whether it would take the whole group as one JobSet."""
        attempt = max(self._view.attempts(index) for index in self._members)
        replicas = [Replica(one.index, one.spec_path, attempt) for one in self._members.values()]
        document = manifest.jobset_of_all(self._pods, self._group, replicas, restarts)
        try:
            if not self._api.create("jobsets", document, dry_run=True):
                raise errors.taken("jobsets", document["metadata"]["name"])
        except TandemError as error:
            if _RESTART_ONE not in error.message:
                raise
            logging.info("JobSet cannot restart one Job alone here, so each replica gets a JobSet.")
            return self._each("jobsets", restarts, ())
        return self._together(restarts, attempt, there=False)

    def _each(self, kind: Literal["jobsets", "jobs"], restarts: int, there: Sequence[Document]) -> Each:
        members, wait = list(self._members.values()), self._timing.gone_seconds
        return Each(self._api, self._view, kind, self._pods, self._group, restarts, members, there, wait)

    def _together(self, restarts: int, attempt: int, there: bool) -> Together:
        members = list(self._members.values())
        return Together(self._api, self._view, self._pods, self._group, restarts, members, attempt, there)

    def _follow(self, quietly: bool = False) -> None:
        try:
            found = self._view.pods()
        except TandemError:
            if quietly:
                return
            raise
        for pod in found:
            member = self._members.get(index_of(pod))
            if member is not None and has_started(pod):
                self._logs.follow(pod["metadata"]["name"], _log_of(member.log, host_of(pod)))

    def _let_tell(self, member: Member) -> None:
        """Waits until the log says why it failed: its Job may be seen to fail before what its pod said."""
        self._told.add(member.index)
        deadline = self._clock() + self._timing.words_seconds
        while not self._logs.is_copied(member.log) and self._clock() < deadline:
            time.sleep(0.02)
            self._follow(quietly=True)

    def _has_ended(self, name: str) -> bool:
        try:
            found = [pod for pod in self._view.pods() if pod["metadata"]["name"] == name]
        except TandemError:
            return False
        return not any(runs(pod) for pod in found)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """What would interrupt this process does so afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda received, _: came.append(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            # None stands for a handler that is not Python's.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


def _log_of(log: Path, host: int) -> Path:
    return log if host == 0 else log.with_name(f"{log.stem}.host-{host}{log.suffix}")
