"""A Kubeflow Pipelines API over real HTTP, with the errors that a real one has."""

from __future__ import annotations

import contextlib
import dataclasses
import email
import email.policy
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.pipeline.kubeflow.api.state import RefusalError, State, as_json
from tests.pipeline.kubeflow.api.strict import BadRequestError

_API = "/apis/v2beta1"


@dataclasses.dataclass
class Fault:
    """What goes wrong with the next calls that match.

    Args:
        call: regular expression on method and path.
        status: answered in place of doing anything.
        headers: of that answer.
        body: of that answer.
        kind: its content type.
        drop: `before` or `after` the effect the connection is closed.
        slow_seconds: time before the answer, after the effect.
        times: how many calls it meets.
    """

    call: str
    status: int | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: str = "upstream connect error"
    kind: str = "text/plain"
    drop: str = ""
    slow_seconds: float = 0.0
    times: int = 1


class Server:
    """The server, its state and what was asked of it."""

    def __init__(self) -> None:
        self.state = State()
        self.token: str | None = None
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.authorizations: list[str | None] = []
        self.url = ""

    def made(self, call: str) -> int:
        """How many calls matched."""
        return sum(re.search(call, made) is not None for made in self.calls)

    def fault(self, call: str) -> Fault | None:
        """The fault that meets a call."""
        for fault in self.faults:
            if fault.times and re.search(fault.call, call):
                fault.times -= 1
                return fault
        return None

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> Any:
        """The JSON that answers a call."""
        state, call = self.state, f"{method} {path.removeprefix(_API)}"
        lists = {
            "GET /pipelines": ("pipelines", state.pipelines),
            "GET /experiments": ("experiments", state.experiments),
            "GET /runs": ("runs", state.runs),
            "GET /recurringruns": ("recurring_runs", state.recurring_runs),
        }
        if call == "GET /healthz":
            return {"multi_user": state.multi_user}
        if call in lists:
            return state.listed(*lists[call], query)
        if match := re.fullmatch(r"GET /pipelines/([^/]+)/versions", call):
            of_it = [version for version in state.versions if version.pipeline_id == match[1]]
            return state.listed("pipeline_versions", of_it, query)
        if call == "POST /pipelines/upload_version":
            return state.upload_version(query, _file(body, kind))
        creators = {
            "POST /pipelines": state.create_pipeline,
            "POST /experiments": state.create_experiment,
            "POST /runs": state.create_run,
            "POST /recurringruns": state.create_recurring_run,
        }
        if call in creators:
            return creators[call](json.loads(body))
        if match := re.fullmatch(r"GET /runs/([^/:]+)", call):
            return state.get_run(match[1])
        if match := re.fullmatch(r"POST /recurringruns/([^/:]+):(enable|disable)", call):
            return state.switch(match[1], match[2] == "enable")
        if match := re.fullmatch(r"DELETE /recurringruns/([^/:]+)", call):
            return state.delete_recurring_run(match[1])
        if match := re.fullmatch(r"GET /recurringruns/([^/:]+)", call):
            return _one(state, match[1])
        return None


def _one(state: State, recurring_run_id: str) -> Any:
    return as_json(state.find(state.recurring_runs, "recurring_run_id", recurring_run_id))


def _file(body: bytes, kind: str) -> bytes:
    message = email.message_from_bytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    (part,) = message.iter_parts()
    assert part.get_param("name", header="content-disposition") == "uploadfile"
    return part.get_payload(decode=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    backend: Server

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def handle_call(self) -> None:
        """Any call."""
        parts = urlsplit(self.path)
        call = f"{self.command} {parts.path}"
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.backend.calls.append(call)
        self.backend.authorizations.append(self.headers.get("authorization"))
        fault = self.backend.fault(call)
        if fault is not None and fault.status is not None:
            self._send(fault.status, fault.body.encode(), fault.kind, fault.headers)
            return
        if fault is not None and fault.drop == "before":
            self._drop()
            return
        status, content, kind = self._answer(parts.path, dict(parse_qsl(parts.query)), body)
        if fault is not None and fault.drop == "after":
            self._drop()
            return
        time.sleep(fault.slow_seconds if fault else 0.0)
        with contextlib.suppress(OSError):
            self._send(status, content, kind, {})

    do_GET = do_POST = do_DELETE = handle_call  # noqa: N815

    def _answer(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        backend, json_kind = self.backend, "application/json"
        if backend.token and self.headers.get("authorization") != f"Bearer {backend.token}":
            return (
                401,
                json.dumps(RefusalError(401, "Unauthenticated: no user identity").body).encode(),
                json_kind,
            )
        try:
            if path == "/artifacts/get":
                scheme = {"gcs": "gs"}.get(query["source"], query["source"])
                found = backend.state.objects.get(f"{scheme}://{query['bucket']}/{query['key']}")
                missing = 404, b"Failed to get object in bucket", "text/plain"
                return missing if found is None else (200, found, "application/octet-stream")
            kind = self.headers.get("content-type") or ""
            answer = backend.answer(self.command, path, query, body, kind)
        except RefusalError as refusal:
            return refusal.status, json.dumps(refusal.body).encode(), json_kind
        except BadRequestError as error:
            return 400, json.dumps(RefusalError(400, str(error)).body).encode(), json_kind
        if answer is None:
            return 404, b"404 page not found\n", "text/plain"
        return 200, json.dumps(answer).encode(), json_kind

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of this machine."""
    backend = Server()
    handler = type("Handler", (_Handler,), {"backend": backend})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    backend.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield backend
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
