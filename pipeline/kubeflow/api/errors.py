"""What the API answered or failed to answer, as errors that a user can act on."""

from __future__ import annotations

import json
from typing import Any, Literal

from trainer.errors import TandemError

Kind = Literal[
    "unreachable", "unauthenticated", "denied", "absent", "exists", "invalid", "busy", "server", "timeout",
    "tls", "foreign",
]  # fmt: skip
_TOKEN_HINT = (
    "Give a token with --token-file FILE (`kubectl create token SERVICE_ACCOUNT --audience "
    "pipelines.kubeflow.org`); a pod gets one from a projected volume, see docs/kubeflow.md."
)
_REFUSED_HINT = (
    "Make a new one, which lasts an hour as a rule, for --token-file FILE: `kubectl create token "
    "SERVICE_ACCOUNT --audience pipelines.kubeflow.org`."
)
_HINTS: dict[str, tuple[str, str]] = {
    "unreachable": ("KFP-300", "Check --host, or reach the cluster with --port-forward."),
    "unauthenticated": ("KFP-301", _TOKEN_HINT),
    "denied": (
        "KFP-302",
        "Give the service account of the token a role in the namespace (`kubeflow-edit`), or set "
        "kubeflow.namespace.",
    ),
    "absent": ("KFP-303", "Check the id, kubeflow.namespace and --host; it may have been deleted."),
    "exists": ("KFP-304", "Run the command again: it goes on with what is there."),
    "invalid": ("KFP-305", "Correct what the server names and run the command again."),
    "server": ("KFP-306", "Look at the logs of the API server (`kubectl logs deploy/ml-pipeline`)."),
    "busy": ("KFP-306", "The server is overloaded; run the command again later."),
    "timeout": (
        "KFP-307",
        "Run the command again; it looks at what has happened before it repeats anything.",
    ),
    "tls": ("KFP-308", "Name the certificate authority with --ca-file FILE, or correct --host."),
    "foreign": (
        "KFP-309",
        "Check --host: it must be the address of the Kubeflow Pipelines UI or API, without a path of a page.",
    ),
}
_BAD_INPUT = ("unauthenticated", "denied", "invalid", "foreign", "tls")
# Codes of gRPC, which the gateway puts beside an HTTP status that is less exact in some versions.
_GRPC: dict[int, Kind] = {3: "invalid", 5: "absent", 6: "exists", 7: "denied", 16: "unauthenticated"}
_TEXTS: tuple[tuple[str, Kind], ...] = (
    ("no user identity header", "unauthenticated"),
    ("authentication failed", "unauthenticated"),
    ("unauthenticated", "unauthenticated"),
    ("upload denied", "denied"),
    ("permissiondenied", "denied"),
    ("already exist", "exists"),
)
_LONGEST = 500


class ApiError(TandemError):
    """A call that failed.

    Args:
        kind: what went wrong.
        message: what was expected and received.
        perhaps_done: whether the server may have done what was asked. Defaults to `False`.
        retry_after_seconds: how long the server asks to wait. Defaults to `None`.
        hint: what to do next. Defaults to `""`: what the kind says.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        perhaps_done: bool = False,
        retry_after_seconds: float | None = None,
        hint: str = "",
    ) -> None:
        code, usual = _HINTS[kind]
        super().__init__(code, message, hint or usual, exit_status=2 if kind in _BAD_INPUT else 1)
        self.kind: Kind = kind
        self.perhaps_done = perhaps_done
        self.retry_after_seconds = retry_after_seconds


def of_answer(call: str, status: int, body: str, headers: Any, secret: str = "") -> ApiError:
    """The error of an answer that is none of success.

    Args:
        call: method and path, without query.
        status: HTTP status.
        body: text of the answer.
        headers: its headers.
        secret: the token that was sent, which the message must not repeat. Defaults to `""`.
    """
    told, grpc = _told(body)
    told = told.replace(secret, "***") if secret else told
    kind = _kind(status, told, grpc, _is_page(body, headers))
    refused = bool(secret) and kind == "unauthenticated" and not 300 <= status < 400
    received = f"{status} for {call}" + (", the token was refused" if refused else "")
    received += f": {told.rstrip('.')}" if told.strip(".") else ""
    if 300 <= status < 400:
        place = str(headers.get("location") or "").partition("?")[0]
        received = f"{status} for {call}, which sends to {place or 'another address'}"
        expected = "an answer of the API, not a redirect (a login page, or https in place of http)"
    else:
        expected = {
            "unauthenticated": "a call that the server knows the caller of",
            "denied": "a call that the caller may make",
            "absent": "what the call names to exist",
            "exists": "a name that is not taken",
            "foreign": "an answer of the Kubeflow Pipelines API",
        }.get(kind, "success")
    return ApiError(
        kind,
        f"Expected {expected}. Received: {received}.",
        perhaps_done=status >= 500,
        retry_after_seconds=_seconds(headers.get("retry-after")),
        hint=_REFUSED_HINT if refused else "",
    )


def foreign(call: str, what: str, perhaps_done: bool = False) -> ApiError:
    """The error of a success that is no answer of this API, such as a web page."""
    message = f"Expected an answer of the Kubeflow Pipelines API. Received: {what} for {call}."
    return ApiError("foreign", message, perhaps_done=perhaps_done)


def _kind(status: int, told: str, grpc: int | None, page: bool) -> Kind:
    if grpc in _GRPC:
        return _GRPC[grpc]
    named = next((kind for text, kind in _TEXTS if text in told.lower()), None)
    if named and status in (400, 409, 500):
        return named
    if status == 403:
        return "denied"
    if status == 401 or 300 <= status < 400:
        return "unauthenticated"
    if page and status < 500:
        return "foreign"
    if status == 404:
        # The API names what is absent; a web server that knows no such path does not.
        return "foreign" if grpc is None else "absent"
    if status == 429:
        return "busy"
    return "exists" if status == 409 else "server" if status >= 500 else "invalid"


def _told(body: str) -> tuple[str, int | None]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        text = "" if body.lstrip().startswith("<") else body
        return _short(text), None
    if not isinstance(content, dict):
        return _short(body), None
    told = content.get("message") or content.get("error_message") or content.get("error") or ""
    code = content.get("code")
    return _short(str(told)), code if isinstance(code, int) else None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def _is_page(body: str, headers: Any) -> bool:
    return "html" in str(headers.get("content-type") or "") or body.lstrip()[:1] == "<"


def _seconds(text: Any) -> float | None:
    try:
        return max(0.0, float(text))
    except (TypeError, ValueError):
        return None
