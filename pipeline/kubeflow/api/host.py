"""Which address the API has, and whether a token may go there."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from trainer.errors import TandemError

VARIABLE = "KF_PIPELINES_ENDPOINT"
UI_VARIABLE = "KF_PIPELINES_UI_ENDPOINT"
_IN_CLUSTER = "http://ml-pipeline.{namespace}.svc.cluster.local:8888"


def find(given: str | None, namespace: str, environment: Mapping[str, str] = os.environ) -> str:
    """The address: `given`, else `KF_PIPELINES_ENDPOINT`, else in a pod the service of the API.

    Args:
        given: what the user named; `None` or `""` for nothing.
        namespace: where Kubeflow Pipelines is installed.
        environment: the environment variables.

    Returns:
        Scheme, host, port and path, without a slash at the end or the page of a browser.

    Raises:
        TandemError: `KFP-310` if there is none or it is no address.
    """
    text = given or environment.get(VARIABLE) or ""
    if not text and environment.get("KUBERNETES_SERVICE_HOST"):
        text = _IN_CLUSTER.format(namespace=namespace)
    if not text:
        raise _wrong("nothing")
    parts = _parts(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong(f"host={parts.scheme}://{parts.hostname or ''}")
    if "@" in parts.netloc:
        raise _wrong("an address with a user name or password, which would show in messages")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def require_private(host: str) -> None:
    """Refuses to send a token unencrypted, unless it stays on this machine or in the cluster.

    Raises:
        TandemError: `KFP-313` if it would not.
    """
    parts = urlsplit(host)
    name = parts.hostname or ""
    if parts.scheme == "https" or ("." not in name.strip("[]") and ":" not in name):
        return
    if name.endswith((".svc", ".svc.cluster.local", ".localhost")):
        return
    try:
        if ipaddress.ip_address(name).is_loopback:
            return
    except ValueError:
        pass
    raise TandemError(
        "KFP-313",
        f"Expected https for a call with a token. Received: host={host}.",
        "Use https://, or reach the cluster with --port-forward.",
        exit_status=2,
    )


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - is checked when read
    except ValueError as error:
        raise _wrong(str(error)) from None
    return parts


def _wrong(received: str) -> TandemError:
    return TandemError(
        "KFP-310",
        f"Expected the address of Kubeflow Pipelines, http(s)://HOST[:PORT][/PATH]. Received: {received}.",
        f"Name it with --host URL or {VARIABLE}, or use --port-forward.",
        exit_status=2,
    )
