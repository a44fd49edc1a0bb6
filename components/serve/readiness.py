"""Tells a service that serves what was asked for from one that still reports about what was before.

`status.observedGeneration` of an InferenceService is not its own: KServe copies that of the Deployment or
Knative service below, which counts differently. So it is only ever compared with itself: it moves when the
workload has seen a new pod template, and a `Ready` that was there before it moved is of the old release.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class State:
    """What a service reports.

    Args:
        ready: whether its condition `Ready` is true.
        observed: `status.observedGeneration`, none if it has none.
        created: newest Knative revision; empty in standard mode.
        running: newest Knative revision that is ready; empty in standard mode.
        rolled_out: newest Knative revision that had all traffic; empty in standard mode.
        reason: why it is not ready, as the cluster words it.
        mode: deployment mode that KServe chose; empty if it has not.
    """

    ready: bool
    observed: int | None
    created: str
    running: str
    rolled_out: str
    reason: str
    mode: str


def state(service: Mapping[str, Any]) -> State:
    """Reads the status of a service; what is missing counts as not ready."""
    status = service.get("status") or {}
    conditions = {one.get("type"): one for one in status.get("conditions") or []}
    predictor = (status.get("components") or {}).get("predictor") or {}
    return State(
        ready=(conditions.get("Ready") or {}).get("status") == "True",
        observed=status.get("observedGeneration"),
        created=predictor.get("latestCreatedRevision") or "",
        running=predictor.get("latestReadyRevision") or "",
        rolled_out=predictor.get("latestRolledoutRevision") or "",
        reason=_reason(status, conditions),
        mode=status.get("deploymentMode") or "",
    )


class Watch:
    """Follows a service from a change on.

    Args:
        before: its state when it was changed; none for a service that was made by the change.
        mode: `standard` or `serverless`.
        settle_seconds: how long it must stay ready without a break, because a controller that has seen only
            half of a change reports ready for a moment.
        strict: whether a ready that cannot be told from an old one never counts. Without it, it counts after
            `quiet_seconds`, for a change that may leave the pods as they are. Defaults to `True`.
        quiet_seconds: see `strict`. Defaults to `30.0`.
    """

    def __init__(
        self,
        before: State | None,
        mode: str,
        settle_seconds: float,
        strict: bool = True,
        quiet_seconds: float = 30.0,
    ) -> None:
        self._before = before
        self._mode = mode
        self._settle = settle_seconds
        self._strict = strict
        self._quiet = quiet_seconds
        self._moved = before is None
        self._since: float | None = None

    def ready(self, now: State, asked: float, answered: float) -> bool:
        """Takes the state at a time and tells whether the change is done.

        How old an answer is, is not known, only that it was given after the question and before its arrival:
        what counts is the time from the arrival of the first ready to the question that the last one answers.

        Args:
            now: what the service reports.
            asked: when it was asked for, on a clock that only goes forward.
            answered: when it arrived, on the same clock.
        """
        self._moved = self._moved or self._moves(now)
        if not now.ready or (self._mode == "serverless" and now.created != now.running):
            self._since = None
            return False
        if not self._moved and self._strict:
            return False
        self._since = answered if self._since is None else self._since
        settled = max(asked - self._since, 0.0)
        return settled >= (self._settle if self._moved else max(self._settle, self._quiet))

    def _moves(self, now: State) -> bool:
        assert self._before is not None
        if self._mode == "serverless":
            return now.created != self._before.created
        if self._before.observed is None and now.observed is None:
            return not now.ready
        return now.observed != self._before.observed


def _reason(status: Mapping[str, Any], conditions: Mapping[Any, Mapping[str, Any]]) -> str:
    model = status.get("modelStatus") or {}
    failure = model.get("lastFailureInfo") or {}
    parts = [
        " ".join(str(one[key]) for key in ("type", "reason", "message") if one.get(key))
        for one in conditions.values()
        if one.get("status") != "True" and one.get("type") in ("PredictorReady", "IngressReady", "Ready")
    ]
    if failure and model.get("transitionStatus") in ("BlockedByFailedLoad", "InvalidSpec"):
        parts.insert(0, " ".join(str(failure[key]) for key in ("reason", "message") if failure.get(key)))
    return "; ".join(parts) or "no condition Ready yet"
