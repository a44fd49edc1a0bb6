"""One HTTP exchange after another: timeouts on each, retries where nothing can happen twice."""

from __future__ import annotations

import dataclasses
import json
import random
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from pipeline.kubeflow.api import errors
from pipeline.kubeflow.api.token import Token


@dataclasses.dataclass(frozen=True)
class Policy:
    """How long and how often a call is tried.

    Args:
        attempts: tries in all.
        base_seconds: longest wait before the second try; it doubles with each further one.
        cap_seconds: longest wait.
        connect_timeout_seconds: to open a connection.
        read_timeout_seconds: between two pieces of an answer.
    """

    attempts: int = 4
    base_seconds: float = 0.5
    cap_seconds: float = 8.0
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0

    def wait(self, attempt: int, least_seconds: float | None = None) -> None:
        """Waits before try `attempt + 1`: a random part of the longest wait, so that clients spread out."""
        longest = min(self.cap_seconds, self.base_seconds * 2 ** (attempt - 1))
        asked = min(self.cap_seconds, least_seconds or 0.0)
        time.sleep(max(asked, random.uniform(longest / 2, longest)))


@dataclasses.dataclass
class Answer:
    """A successful answer, as the generated client reads it; the client puts text in place of `data`."""

    status: int
    reason: str
    data: Any
    headers: Any

    def getheader(self, name: str, default: Any = None) -> Any:
        """One header."""
        return self.headers.get(name, default)

    def getheaders(self) -> Any:
        """All headers."""
        return self.headers


class Transport:
    """The connection to one host, in place of the generated client's own, which does none of this.

    A call is repeated after a refused connection or status 429 in any case, since nothing was done; after a
    lost connection, a timeout or a status of 500 and more only if it is a GET, a DELETE or one of the two
    posts that do no more the second time. Redirects are not followed: they would carry the token elsewhere.

    Args:
        base: gives the address of the host, which a new port forward changes.
        token: the bearer token. Defaults to `None`.
        policy: how long and how often. Defaults to `None`: those of `Policy()`.
        ca_file: certificates to trust; those of the system. Defaults to `None`.
    """

    def __init__(
        self,
        base: Callable[[], str],
        token: Token | None = None,
        policy: Policy | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._base = base
        self._token = token
        self.policy = policy or Policy()
        self._pool = urllib3.PoolManager(
            retries=False, ssl_context=ssl.create_default_context(cafile=ca_file), maxsize=2
        )

    def __repr__(self) -> str:
        return "Transport()"

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        query_params: Any = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        **_: Any,
    ) -> Answer:
        """Makes a call of the API, several times if need be.

        Returns:
            An answer with a status of 200 to 299 that holds a JSON object.

        Raises:
            ApiError: any other outcome.
        """
        call = f"{method} {path}"
        repeatable = method in ("GET", "DELETE") or path.endswith((":enable", ":disable"))
        content, kind = _content(body, post_params)
        sent = {**(headers or {}), **({"Content-Type": kind} if kind else {})}
        sent = {name: value for name, value in sent.items() if value}
        query = f"?{urlencode(query_params)}" if query_params else ""
        answer = self._tried(call, lambda: self._once(method, path + query, call, sent, content), repeatable)
        return _checked(call, answer)

    def raw(self, path: str, call: str) -> Answer:
        """GETs what need not be JSON; otherwise as `request`."""
        return self._tried(call, lambda: self._once("GET", path, call, {}, None), True)

    def GET(self, url: str, **arguments: Any) -> Answer:  # noqa: N802 - as the generated client calls it
        """A GET."""
        return self.request("GET", url, **arguments)

    def POST(self, url: str, **arguments: Any) -> Answer:  # noqa: N802
        """A POST."""
        return self.request("POST", url, **arguments)

    def DELETE(self, url: str, **arguments: Any) -> Answer:  # noqa: N802
        """A DELETE."""
        return self.request("DELETE", url, **arguments)

    def _tried(self, call: str, once: Callable[[], Answer], repeatable: bool) -> Answer:
        for attempt in range(1, self.policy.attempts + 1):
            try:
                return once()
            except errors.ApiError as error:
                fleeting = error.kind in ("unreachable", "busy", "server", "timeout")
                again = fleeting and (repeatable or not error.perhaps_done)
                if not again or attempt == self.policy.attempts:
                    raise
                self.policy.wait(attempt, error.retry_after_seconds)
        raise AssertionError(call)

    def _once(self, method: str, path: str, call: str, headers: dict[str, str], content: Any) -> Answer:
        token = self._token.value() if self._token else ""
        answer = self._exchange(method, path, call, headers, content, token)
        if answer.status == 401 and self._token and self._token.value() != token:
            # Replaced in its file while the call was under way.
            token = self._token.value()
            answer = self._exchange(method, path, call, headers, content, token)
        if not 200 <= answer.status < 300:
            text = answer.data.decode("utf-8", "replace")
            raise errors.of_answer(call, answer.status, text, answer.headers, token)
        return answer

    def _exchange(
        self, method: str, path: str, call: str, headers: dict[str, str], content: Any, token: str
    ) -> Answer:
        authorized = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        policy = self.policy
        try:
            base = self._base()
            response = self._pool.request(
                method,
                base + path,
                headers=authorized,
                redirect=False,
                timeout=urllib3.Timeout(
                    connect=policy.connect_timeout_seconds, read=policy.read_timeout_seconds
                ),
                **({} if content is None else {"body": content}),
            )
        except SSLError as error:
            raise errors.ApiError(
                "tls", f"Expected a trusted certificate. Received: {_tls(error)}."
            ) from None
        except (NewConnectionError, ConnectTimeoutError) as error:
            late = not isinstance(error, NewConnectionError)
            what = f"no connection in {policy.connect_timeout_seconds:g} s" if late else _reason(error)
            message = f"Expected a server at {base}. Received: {what}."
            raise errors.ApiError("unreachable", message) from None
        except (ReadTimeoutError, ProtocolError, HTTPError) as error:
            if isinstance(error, LocationValueError):
                raise errors.foreign(call, f"{base}, which is no address") from None
            slow = isinstance(error, ReadTimeoutError)
            what = f"nothing in {policy.read_timeout_seconds:g} s" if slow else "a lost connection"
            message = f"Expected an answer of {base}. Received: {what} for {call}."
            raise errors.ApiError("timeout", message, perhaps_done=True) from None
        return Answer(response.status, response.reason or "", response.data, response.headers)


def _content(body: Any, post_params: Any) -> tuple[Any, str]:
    if post_params:
        return urllib3.encode_multipart_formdata(post_params)
    return (None, "") if body is None else (json.dumps(body).encode(), "application/json")


def _checked(call: str, answer: Answer) -> Answer:
    """The generated client makes an empty object of whatever is no JSON object, a login page too."""
    done = not call.startswith("GET")
    kind = str(answer.getheader("content-type") or "nothing")
    try:
        if isinstance(json.loads(answer.data or b"{}"), dict):
            return answer
    except (ValueError, RecursionError):
        pass
    raise errors.foreign(call, f"content of type {kind.partition(';')[0]}", perhaps_done=done)


def _tls(error: Exception) -> str:
    return str(error).partition("(_ssl.c")[0].strip("() '\"")[:200]


def _reason(error: Exception) -> str:
    return str(error).rpartition(": ")[2].strip() or "no connection"
