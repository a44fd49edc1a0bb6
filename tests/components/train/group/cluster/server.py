"""An API server for Jobs, JobSets, pods, their logs and events, on a port of its own."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.components.train.group.cluster.controllers import Controllers
from tests.components.train.group.cluster.storage import (
    GROUPS,
    KINDS,
    Answer,
    Document,
    Storage,
    schema_errors,
    status,
    text,
)

TOKEN, NAMESPACE = "of-a-test", "models"
ROLES = Path(__file__).resolve().parents[5] / "kubernetes" / "base" / "roles.yaml"
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}


def rights() -> set[tuple[str, str, str]]:
    """Verb, API group and resource of each rule of the launcher's role, as it is installed."""
    roles = {
        one["metadata"]["name"]: one for one in yaml.safe_load_all(ROLES.read_text()) if one["kind"] == "Role"
    }
    return {
        (verb, group, resource)
        for rule in roles["tandem-launch"]["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


class Cluster:
    """One API server.

    `faults` holds pairs of `verb resource` and an action for the next such requests: an answer, `disconnect`
    (before anything is done), `lost` (after it was done), `cut` or `garbled` (a list breaks off, or is none),
    or seconds to be slow. Lines of logs are sent `log_late_seconds` after they were asked for; `followed` are
    the pods whose logs were.
    """

    def __init__(self) -> None:
        # The schema is read once, and not within the timeout of a first request.
        schema_errors("jobs", {"spec": {}})
        self.storage = Storage()
        self.controllers = Controllers(self.storage)
        self.installed = True
        self.rights = rights()
        self.faults: list[tuple[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.cut_after: int | None = None
        self.log_late_seconds = 0.0
        self.followed: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.open = True

    def close(self) -> None:
        self.open = False
        with self.storage.changed:
            self.storage.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def kubeconfig(self) -> str:
        host, port = self._server.server_address[:2]
        named = {"clusters": "cluster", "users": "user", "contexts": "context"}
        values: dict[str, Any] = {"cluster": {"server": f"http://{host}:{port}"}, "user": {"token": TOKEN}}
        values["context"] = {"cluster": "one", "user": "one", "namespace": NAMESPACE}
        lists = {many: [{"name": "one", one: values[one]}] for many, one in named.items()}
        return yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "one", **lists})

    def asked(self, what: str) -> list[dict[str, str]]:
        """Options of the requests `verb resource`."""
        return [options for verb, kind, options in self.requests if f"{verb} {kind}" == what]

    def fault(self, what: str) -> Any:
        with self.storage.changed:
            found = next((one for one in self.faults if one[0] == what), None)
            if found:
                self.faults.remove(found)
        return found[1] if found else None

    def refusal(self, verb: str, kind: str) -> Answer | None:
        group = GROUPS.get(kind, "")
        if (verb, group, kind) in self.rights:
            return None
        user = "system:serviceaccount:models:tandem-launcher"
        where = f'resource "{kind}" in API group "{group}" in the namespace "{NAMESPACE}"'
        return status(403, "Forbidden", f'{kind} is forbidden: User "{user}" cannot {verb} {where}')

    def write(self, verb: str, kind: str, name: str, options: dict[str, str], body: Document) -> Answer:
        with self.storage.changed:
            objects = self.storage.objects[kind]
            if verb == "create":
                name = body["metadata"].get("name", "")
                if name in objects:
                    return status(409, "AlreadyExists", f'{kind} "{name}" already exists')
                refused = self.storage.admit(kind, body)
                if refused or options.get("dryRun") == "All":
                    return refused or (201, body)
                made = copy.deepcopy(body)
                made["metadata"]["namespace"] = NAMESPACE
                made = self.storage.put(kind, made)
                self.controllers.reconcile()
                return 201, made
            if name not in objects:
                return status(404, "NotFound", f'{kind} "{name}" not found')
            if verb == "delete":
                if options.get("propagationPolicy") != "Background":
                    return status(400, "BadRequest", "pods would be left")
                self.controllers.remove(kind, name)
                self.controllers.reconcile()
                return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
            if set(body) != {"spec"} or set(body["spec"]) != {"parallelism"}:
                return status(422, "Invalid", "field is immutable")
            changed = copy.deepcopy(objects[name])
            changed["spec"] |= body["spec"]
            self.storage.put(kind, changed)
            self.controllers.reconcile()
            return 200, changed


def _parts(path: str) -> tuple[str, str, str] | None:
    """Resource, name and what is below of a path; none for one that is not served."""
    for kind in KINDS:
        version = {"jobsets": "apis/jobset.x-k8s.io/v1alpha2", "jobs": "apis/batch/v1"}.get(kind, "api/v1")
        start = f"/{version}/namespaces/{NAMESPACE}/{kind}"
        if path == start or path.startswith(start + "/"):
            name, _, below = path.removeprefix(start).lstrip("/").partition("/")
            return kind, name, below
    return None


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            split = urlsplit(self.path)
            options = {name: values[0] for name, values in parse_qs(split.query).items()}
            verb, parts = VERBS[self.command], _parts(split.path)
            if split.path == "/apis/jobset.x-k8s.io/v1alpha2" and cluster.installed:
                self._answer(
                    200,
                    {"kind": "APIResourceList", "groupVersion": "jobset.x-k8s.io/v1alpha2", "resources": []},
                )
                return
            if parts is None or (parts[0] == "jobsets" and not cluster.installed):
                self._answer(404, "404 page not found\n")
                return
            kind, name, below = parts
            if verb == "get" and not name:
                verb = "watch" if options.get("watch") == "true" else "list"
            if verb in ("create", "patch"):
                assert options["fieldValidation"] == "Strict"
            resource = f"{kind}/{below}" if below else kind
            cluster.requests.append((verb, resource, options))
            action = cluster.fault(f"{verb} {resource}")
            if action == "disconnect":
                self._hang_up()
                return
            if isinstance(action, int | float):
                time.sleep(action)
            refused = action if isinstance(action, tuple) else cluster.refusal(verb, resource)
            if refused is not None:
                self._answer(*refused)
            elif below == "log":
                self._log(name, options)
            elif verb == "watch":
                self._watch(kind, options)
            elif verb == "list":
                with cluster.storage.changed:
                    found = cluster.storage.select(
                        kind, options.get("labelSelector", ""), options.get("fieldSelector", "")
                    )
                    told = {"resourceVersion": str(cluster.storage.version)}
                    listed = text({"kind": f"{KINDS[kind]}List", "metadata": told, "items": found})
                self._answer(200, "{" if action == "garbled" else listed.decode(), action == "cut")
            else:
                answer = cluster.write(verb, kind, name, options, body)
                if action == "lost":
                    self._hang_up()
                else:
                    self._answer(*answer)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815

        def _hang_up(self) -> None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def _answer(self, code: int, value: Any, cut: bool = False) -> None:
            data = text(value)
            with contextlib.suppress(ConnectionError):
                self.send_response(code)
                self.send_header(
                    "Content-Type", "application/json" if data.startswith(b"{") else "text/plain"
                )
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if cut else data)
                if cut:
                    self._hang_up()

        def _begin(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def _watch(self, kind: str, options: dict[str, str]) -> None:
            version, labels = int(options["resourceVersion"]), options.get("labelSelector", "")
            deadline = time.monotonic() + float(options["timeoutSeconds"])
            assert options["allowWatchBookmarks"] == "true"
            storage = cluster.storage
            if version < storage.oldest and storage.version % 2:
                # Either way is used: the answer itself, or an event in it.
                self._answer(*status(410, "Expired", "too old resource version"))
                return
            with contextlib.suppress(ConnectionError):
                self._begin()
                while cluster.open and time.monotonic() < deadline:
                    if version < storage.oldest:
                        told = status(410, "Expired", "too old resource version")[1]
                        self._chunk(text({"type": "ERROR", "object": told}) + b"\n")
                        break
                    action = cluster.fault(f"event {kind}")
                    if action == "disconnect":
                        self._chunk(b'{"type": "MODIFIED", "obj')
                        self._hang_up()
                        return
                    with storage.changed:
                        found = storage.events_after(version, kind, labels, 0.2)
                        # Nothing may come between: a bookmark would hide it.
                        newest = storage.version
                    for number, event, document in found:
                        # In two parts, as networks do.
                        line = text({"type": event, "object": document}) + b"\n"
                        self._chunk(line[:50])
                        self._chunk(line[50:])
                        version = number
                    if not found and newest > version >= storage.oldest:
                        version = newest
                        mark = {"kind": KINDS[kind], "metadata": {"resourceVersion": str(version)}}
                        self._chunk(text({"type": "BOOKMARK", "object": mark}) + b"\n")
                self._chunk(b"")

        def _log(self, pod: str, options: dict[str, str]) -> None:
            storage, logs = cluster.storage, cluster.controllers.logs
            assert (options["container"], options["follow"], options["timestamps"]) == (
                "trainer",
                "true",
                "true",
            )
            found = storage.objects["pods"].get(pod)
            if found is None:
                self._answer(*status(404, "NotFound", f'pods "{pod}" not found'))
                return
            if found["status"]["phase"] == "Pending":
                self._answer(*status(400, "BadRequest", "container is waiting to start"))
                return
            cluster.followed.add(pod)
            sent = 0
            with contextlib.suppress(ConnectionError):
                self._begin()
                time.sleep(cluster.log_late_seconds)
                while cluster.open:
                    if self._cuts(sent):
                        return
                    over = (
                        storage.objects["pods"].get(pod, {"status": {"phase": "Failed"}})["status"]["phase"]
                        != "Running"
                    )
                    lines = logs.get(pod, [])
                    for stamp, words in lines[sent:]:
                        self._chunk(f"{stamp} {words}\n".encode())
                        sent += 1
                        if self._cuts(sent):
                            return
                    if over:
                        break
                    with storage.changed:
                        storage.changed.wait(0.1)
                self._chunk(b"")

        def _cuts(self, sent: int) -> bool:
            """Breaks a log off within a line, once so many lines were sent."""
            if cluster.cut_after is None or sent < cluster.cut_after:
                return False
            cluster.cut_after = None
            self._chunk(b"2026-11-26T09:00:00.1Z half a li")
            self._hang_up()
            return True

        def log_message(self, *_: Any) -> None:
            """The requests are kept by the cluster."""

    return Handler
