"""The rollout: one release in place of another, and back again when it does not get ready."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from absl import logging

from components.serve import manifest
from components.serve.api import Services
from components.serve.manifest import Document
from components.serve.outcome import Outcome
from components.serve.readiness import State, Watch, state
from components.serve.settings import Settings, Target
from trainer.errors import TandemError

_CONFLICTS = 10


@dataclasses.dataclass(frozen=True)
class Timing:
    """How a service is watched.

    Args:
        poll_seconds: time between two looks. Defaults to `2.0`.
        settle_seconds: how long it must stay ready. Defaults to `6.0`.
        quiet_seconds: how long it must stay ready when no change was to be seen. Defaults to `30.0`.
    """

    poll_seconds: float = 2.0
    settle_seconds: float = 6.0
    quiet_seconds: float = 30.0


@dataclasses.dataclass(frozen=True)
class _Change:
    action: str
    before: State | None
    undo: Document | None
    strict: bool
    was: Document


def roll_out(services: Services, settings: Settings, target: Target, timing: Timing | None = None) -> Outcome:
    """Points the service at a release and waits until that release, and no older one, is ready.

    A service that serves this very model already is left alone. In standard mode the old replicas answer
    until the new ones are ready. In serverless mode with `canary_percent` the release takes that share of the
    traffic and stays there until `promote`; the next release takes its place if nobody did.

    Args:
        services: services of the namespace.
        settings: the service.
        target: what shall be served.
        timing: how it is watched. Defaults to `None`, a `Timing()`.

    Returns:
        The outcome. When the release was not ready in time it carries the error `SERVE-030` (taken back),
        `SERVE-031` (taken back, and not ready either), `SERVE-032` (nothing to take it back to),
        `SERVE-033` (someone else changed the service meanwhile) or `SERVE-035` (KServe chose another mode).

    Raises:
        TandemError: `SERVE-012` and `SERVE-020` to `SERVE-025` before anything was changed; `SERVE-034` if
            others changed the service again and again.
    """
    timing = timing or Timing()
    change = _apply(services, settings, target)
    uri = manifest.storage_uri(change.was) or ""
    split = _percent(change.was)
    known: dict[str, Any] = {
        "action": change.action,
        "name": settings.name,
        "namespace": services.namespace,
        "storage_uri": target.storage_uri,
        "previous_storage_uri": _uri_before(change, target),
    }
    if change.action == "kept":
        reason = f"version {target.version} is served already"
        return Outcome(True, **{**known, "action": "unchanged", "storage_uri": uri}, reason=reason)
    started = time.monotonic()
    seen = _wait(services, settings, target.storage_uri, change, timing)
    seconds = round(time.monotonic() - started, 1)
    if seen.failure is not None:
        return Outcome(False, **known, reason=seen.failure.message, failure=seen.failure)
    if not seen.ready:
        return _take_back(services, settings, target, change, timing, known, seen.reason)
    percent = _percent(seen.service)
    if percent is not None:
        logging.info(
            "%s takes %d%% of the traffic. To give it all: kubectl patch inferenceservice %s -n %s --type "
            "merge -p '%s'",
            target.storage_uri,
            percent,
            settings.name,
            services.namespace,
            '{"spec":{"predictor":{"canaryTrafficPercent":null}}}',
        )
    return Outcome(
        True,
        **known,
        canary_percent=percent,
        was_canary=split is not None,
        ready_seconds=seconds,
        url=str((seen.service.get("status") or {}).get("url") or ""),
    )


def _apply(services: Services, settings: Settings, target: Target) -> _Change:
    for _ in range(_CONFLICTS):
        existing = services.get(settings.name)
        if existing is None:
            made = services.create(manifest.document(settings, services.namespace, target))
            if made is not None:
                logging.info("Created the service %s with %s.", settings.name, target.storage_uri)
                return _Change("created", None, None, True, {})
            continue
        before = state(existing)
        moves = manifest.storage_uri(existing) != target.storage_uri
        patch = manifest.change(settings, existing, target)
        if moves and before.ready and manifest.serves(existing, target):
            return _Change("kept", before, None, False, existing)
        if not patch:
            return _Change("unchanged", before, manifest.previous(existing), False, existing)
        if services.patch(existing, patch) is not None:
            logging.info("Pointed the service %s at %s.", settings.name, target.storage_uri)
            undo = manifest.inverse(existing, patch)
            return _Change("changed", before, undo, moves, existing)
    raise TandemError(
        "SERVE-034",
        f"Expected to change the service {settings.name}. Received: another writer changed it {_CONFLICTS} "
        "times meanwhile",
        "Find out with `kubectl get inferenceservice -o yaml --show-managed-fields` who else writes it.",
    )


@dataclasses.dataclass(frozen=True)
class _Seen:
    ready: bool
    service: Document
    reason: str
    failure: TandemError | None = None


def _wait(services: Services, settings: Settings, uri: str, change: _Change, timing: Timing) -> _Seen:
    watch = Watch(change.before, settings.mode, timing.settle_seconds, change.strict, timing.quiet_seconds)
    deadline = time.monotonic() + settings.ready_timeout_seconds
    told, service = "", dict[str, Any]()
    while True:
        asked = time.monotonic()
        try:
            found = services.get(settings.name)
        except TandemError as error:
            if error.code not in ("SERVE-023", "SERVE-025"):
                return _Seen(False, service, "", error)
            reason = error.message
        else:
            if found is None or manifest.storage_uri(found) != uri:
                return _Seen(False, service, "", _superseded(settings, uri, found))
            service, now = found, state(found)
            if now.mode and now.mode not in manifest.MODES[settings.mode]:
                return _Seen(False, service, "", _other_mode(settings, now.mode))
            if watch.ready(now, asked, time.monotonic()):
                return _Seen(True, service, "")
            reason = now.reason
        if reason != told:
            logging.info("Waiting for %s: %s", settings.name, reason)
            told = reason
        if time.monotonic() >= deadline:
            return _Seen(False, service, reason)
        time.sleep(timing.poll_seconds)


def _take_back(
    services: Services,
    settings: Settings,
    target: Target,
    change: _Change,
    timing: Timing,
    known: dict[str, Any],
    reason: str,
) -> Outcome:
    """Restores the release before, waits for it, and says how that went."""
    expected = (
        f"Expected {target.storage_uri} to be ready within {settings.ready_timeout_seconds:g} seconds. "
        f"Received: {reason}"
    )
    look = f"See `kubectl describe inferenceservice {settings.name} -n {services.namespace}`"
    uri = manifest.storage_uri(change.undo) if change.undo is not None else None
    uri = uri or (manifest.storage_uri(change.was) if change.action == "changed" else None)
    if change.undo is None or not uri:
        failure = TandemError(
            "SERVE-032",
            f"{expected}. There is no release before it",
            f"{look}; the next release replaces it.",
        )
        return Outcome(False, **known, reason=reason, failure=failure)
    logging.warning("%s. Taking %s back to %s.", expected, settings.name, uri)
    try:
        seen = _restore(services, settings, target.storage_uri, uri, change, timing)
    except TandemError as error:
        seen = _Seen(False, {}, error.message)
    if seen.ready:
        failure = TandemError(
            "SERVE-030",
            f"{expected}. The service is back at {uri}",
            f"{look} and the logs of its pods; the model stays pushed, and a resumed run tries it again.",
        )
    elif seen.failure is not None:
        failure = seen.failure
    else:
        failure = TandemError(
            "SERVE-031",
            f"{expected}. Taking the service back to {uri} did not end well either: {seen.reason}",
            f"{look} now: it may not answer.",
        )
    return Outcome(False, **known, reason=reason, rolled_back=seen.ready, failure=failure)


def _restore(
    services: Services, settings: Settings, failed: str, uri: str, change: _Change, timing: Timing
) -> _Seen:
    assert change.undo is not None
    for _ in range(_CONFLICTS):
        existing = services.get(settings.name)
        if existing is None or manifest.storage_uri(existing) != failed:
            return _Seen(False, {}, "", _superseded(settings, failed, existing))
        if services.patch(existing, change.undo) is not None:
            back = dataclasses.replace(change, before=state(existing), strict=uri != failed)
            return _wait(services, settings, uri, back, timing)
    return _Seen(False, {}, f"another writer changed the service {_CONFLICTS} times meanwhile")


def _uri_before(change: _Change, target: Target) -> str:
    """What was served before the release, also when an earlier attempt of the step made the change."""
    uri = manifest.storage_uri(change.was) or ""
    if uri == target.storage_uri and change.undo is not None:
        return manifest.storage_uri(change.undo) or ""
    return uri if uri != target.storage_uri else ""


def _percent(service: Document) -> int | None:
    percent = ((service.get("spec") or {}).get("predictor") or {}).get("canaryTrafficPercent")
    return None if percent is None or percent >= 100 else int(percent)


def _superseded(settings: Settings, uri: str, found: Document | None) -> TandemError:
    now = "deleted" if found is None else f"pointed at {manifest.storage_uri(found)}"
    return TandemError(
        "SERVE-033",
        f"Expected the service {settings.name} to stay at {uri} while it gets ready. Received: it was {now}",
        "Nothing was taken back. See who else writes the service; run one pipeline at a time "
        "(`kubeflow.schedule.max_concurrency: 1`).",
    )


def _other_mode(settings: Settings, mode: str) -> TandemError:
    return TandemError(
        "SERVE-035",
        f"Expected the deployment mode {manifest.MODES[settings.mode][0]}. Received: KServe chose {mode}",
        f"Install KServe 0.16 or newer, or set `push.kserve.mode` to what the cluster has, and remove the "
        f"service with `kubectl delete inferenceservice {settings.name}`.",
    )
