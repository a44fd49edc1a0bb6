"""The Kubernetes API: which cluster it is, failures that pass tried again, answers in few words."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import logging

FIELD_MANAGER = "tandem"
TIMEOUT_SECONDS = (10, 30)
"""To connect, and for an answer."""
_ATTEMPTS = 5
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_PASSING = {429, 500, 502, 503, 504}


def connect(namespace: str | None, error: Callable[[str], Exception]) -> tuple[Any, str]:
    """Opens the cluster that this pod runs in, or else that of the kubeconfig.

    Args:
        namespace: namespace of what is worked on; None is that of the pod or of the kubeconfig.
        error: makes the error for what was found in place of a cluster or a namespace.

    Returns:
        A `kubernetes.client.ApiClient` that tries nothing again itself, and the namespace.

    Raises:
        Exception: what `error` makes.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    here = ""
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(client_configuration=configuration)
            here = _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.is_file() else ""
        else:
            config.load_kube_config(client_configuration=configuration)
            _, active = config.list_kube_config_contexts()
            here = active["context"].get("namespace") or "default"
    except (config.ConfigException, OSError, TypeError) as found:
        raise error(str(found)) from found
    if not namespace and not here:
        raise error("no namespace")
    # Retries are made here, where they are told and limited.
    configuration.retries = False
    # Two watches and a log of each pod at one time.
    configuration.connection_pool_maxsize = 64
    return client.ApiClient(configuration), namespace or here


def call(
    asked: Callable[[], Any],
    told: str,
    refused: Callable[[Any], Any],
    unreachable: Callable[[Exception], Exception],
    pause: Callable[[float], None] = time.sleep,
) -> Any:
    """An answer; a failure that passes, of the network or of the server, is tried again.

    Args:
        asked: asks once.
        told: what is tried, for the log.
        refused: given the client's `ApiException`, what is answered in its place; or it raises.
        unreachable: makes the error when there is no answer.
        pause: sleeps for seconds. Defaults to `time.sleep`.
    """
    from kubernetes.client.exceptions import ApiException

    for attempt in range(_ATTEMPTS):
        left = _ATTEMPTS - attempt - 1
        try:
            return asked()
        except ApiException as error:
            if error.status not in _PASSING or not left:
                return refused(error)
            received: Exception = error
        except broken() as error:
            if not left:
                raise unreachable(error) from error
            received = error
        logging.warning("The Kubernetes API did not %s: %s. Trying again.", told, short(received))
        pause(0.5 * 2**attempt)
    raise AssertionError


def broken() -> tuple[type[Exception], ...]:
    """What a client raises without an answer."""
    import urllib3

    return (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


def status(error: Any) -> dict[str, Any]:
    """The object `Status` of an answer; empty if it is something else, as for a path that is not served."""
    try:
        told = json.loads(error.body)
    except (TypeError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and told.get("kind") == "Status" else {}


def short(error: Exception) -> str:
    """An exception on one line."""
    code = getattr(error, "status", None)
    if code:
        return f"{code} {getattr(error, 'reason', '')}"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
