"""Promotion: a canary takes all traffic."""

from __future__ import annotations

import time

from absl import logging

from components.serve import manifest
from components.serve.api import Services
from components.serve.readiness import state
from trainer.errors import TandemError

_CHANGE: manifest.Document = {"spec": {"predictor": {"canaryTrafficPercent": None}}}


def promote(
    services: Services,
    name: str,
    timeout_seconds: float = 120,
    poll_seconds: float = 2,
    settle_seconds: float = 6,
) -> str:
    """Gives all traffic to the release that has a share of it, and waits until it has.

    Repeating it changes nothing. A canary that is not ready is not promoted.

    Args:
        services: services of the namespace.
        name: name of the service.
        timeout_seconds: longest wait. Defaults to `120`.
        poll_seconds: time between two looks. Defaults to `2`.
        settle_seconds: how long it must stay ready before, because a service that was just changed reports
            about the release before for a moment. Defaults to `6`.

    Returns:
        The storage URI that has all traffic now.

    Raises:
        TandemError: `SERVE-040` if there is no such service or its newest revision is not ready, `SERVE-041`
            if the traffic has not moved in time, and what the API raises.
    """
    started, first = time.monotonic(), None
    while True:
        asked = time.monotonic()
        existing = services.get(name)
        # How old an answer is, is not known: what counts is from the arrival of the first to this question.
        first = time.monotonic() if first is None else first
        now = state(existing or {})
        if existing is None or not now.ready or now.created != now.running:
            raise TandemError(
                "SERVE-040",
                f"Expected a service {name} in namespace {services.namespace} whose newest revision is "
                f"ready. Received: {'no such service' if existing is None else now.reason}",
                f"See `kubectl get inferenceservice {name} -n {services.namespace}`.",
            )
        uri = manifest.storage_uri(existing) or ""
        split = existing["spec"]["predictor"].get("canaryTrafficPercent")
        if split is None and now.rolled_out == now.running:
            logging.info("%s takes all traffic of %s.", uri, name)
            return uri
        settled = asked - first >= settle_seconds
        if split is not None and settled and services.patch(existing, _CHANGE) is not None:
            logging.info("Promoting %s.", uri)
        if time.monotonic() - started >= timeout_seconds + settle_seconds:
            raise TandemError(
                "SERVE-041",
                f"Expected {uri} to take all traffic within {timeout_seconds:g} seconds. Received: "
                f"rolled out {now.rolled_out or 'nothing'}, newest {now.running}",
                f"See `kubectl describe inferenceservice {name} -n {services.namespace}`.",
            )
        time.sleep(poll_seconds)
