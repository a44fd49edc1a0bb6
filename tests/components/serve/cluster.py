"""A Kubernetes API server for InferenceServices, and what KServe does behind it, told by storage URI."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

from tests.components.serve.controller import Controller
from tests.kubernetes.schemas import validate

TOKEN = "of-a-test"
BASE = "/apis/serving.kserve.io/v1beta1/namespaces/"
Answer = tuple[int, dict[str, Any] | str]


def status(code: int, reason: str, message: str, name: str = "", kind: str = "inferenceservices") -> Answer:
    details = {"name": name, "group": "serving.kserve.io", "kind": kind} if name else {}
    told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
    return code, told | {"reason": reason, "details": details, "code": code}


def merge(before: Any, patch: Any) -> Any:
    """JSON merge patch, RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


class Cluster:
    """One API server on a port of its own.

    `faults` holds pairs of a verb and an action for the next requests of that verb: an answer, `disconnect`,
    a number of seconds to be slow, or a function that changes the cluster before the request is served.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.controllers: dict[str, Controller] = {}
        self.behaviours: dict[str, str] = {}
        self.faults: list[tuple[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.crd = True
        self.namespaces = {"models"}
        self.chosen_mode = ""
        self._version = 0
        # The schema is read once, and not within the timeout of a first request.
        validate({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"})
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def kubeconfig(self) -> str:
        host, port = self._server.server_address[:2]
        named = {"clusters": "cluster", "users": "user", "contexts": "context"}
        values = {"cluster": {"server": f"http://{host}:{port}"}, "user": {"token": TOKEN}}
        values["context"] = {"cluster": "one", "user": "one", "namespace": "models"}
        lists = {many: [{"name": "one", one: values[one]}] for many, one in named.items()}
        return yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "one", **lists})

    def service(self, name: str = "flights") -> dict[str, Any]:
        """The object as a reader sees it now."""
        with self._lock:
            found = self.objects[name]
            return {**copy.deepcopy(found), "status": self.controllers[name].status(time.monotonic())}

    def uri(self, name: str = "flights") -> str:
        return self.service(name)["spec"]["predictor"]["model"]["storageUri"]

    def writes(self) -> list[str]:
        return [verb for verb, _, _ in self.requests if verb != "get"]

    def put(self, document: dict[str, Any]) -> dict[str, Any]:
        """Stores what some other writer wrote."""
        with self._lock:
            return self._store(document["metadata"]["name"], document)

    def answer(self, verb: str, path: str, body: dict[str, Any]) -> Answer | str:
        with self._lock:
            self.requests.append((verb, path, body))
            fault = next((one for one in self.faults if one[0] == verb), None)
            if fault:
                self.faults.remove(fault)
        action = fault[1] if fault else None
        if isinstance(action, tuple | str):
            return action
        if isinstance(action, int | float):
            time.sleep(action)
        elif callable(action):
            action()
        with self._lock:
            return self._serve(verb, path, body)

    def _serve(self, verb: str, path: str, body: dict[str, Any]) -> Answer:
        if not self.crd or not path.startswith(BASE):
            return 404, "404 page not found\n"
        namespace, _, rest = path.removeprefix(BASE).partition("/")
        name = rest.partition("/")[2] or body.get("metadata", {}).get("name", "")
        if verb == "create":
            if namespace not in self.namespaces:
                return status(404, "NotFound", f'namespaces "{namespace}" not found', namespace, "namespaces")
            if name in self.objects:
                return status(409, "AlreadyExists", f'inferenceservices "{name}" already exists', name)
            code, told = self._write(name, body)
            return (201 if code == 200 else code), told
        if name not in self.objects or namespace not in self.namespaces:
            return status(404, "NotFound", f'inferenceservices "{name}" not found', name)
        if verb == "get":
            return 200, self.service(name)
        existing = self.objects[name]
        given = body.get("metadata", {}).get("resourceVersion")
        if given is not None and given != existing["metadata"]["resourceVersion"]:
            return status(409, "Conflict", "the object has been modified", name)
        return self._write(name, merge(existing, body))

    def _write(self, name: str, document: dict[str, Any]) -> Answer:
        kept = {key: value for key, value in document.items() if key != "status"}
        problems = validate(kept) + self._webhook(name, kept)
        if problems:
            return status(422, "Invalid", f"admission denied: {problems[0]}", name)
        return 200, self._store(name, kept)

    def _webhook(self, name: str, document: dict[str, Any]) -> list[str]:
        """What KServe itself refuses."""
        mode = document["metadata"].get("annotations", {}).get("serving.kserve.io/deploymentMode")
        problems = []
        if not re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", name):
            problems.append(f"invalid name {name}")
        if mode != "Standard" and "deploymentStrategy" in document["spec"]["predictor"]:
            problems.append("customizing deploymentStrategy is only supported for raw deployment mode")
        recorded = self.controllers[name].mode if name in self.controllers else mode
        if mode != recorded:
            problems.append(f"deploymentMode cannot be changed from '{recorded}' to '{mode}'")
        return problems

    def _store(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        before = self.objects.get(name)
        told = document["metadata"]
        generation = before["metadata"]["generation"] if before else 0
        if before is None or before["spec"] != document["spec"]:
            generation += 1
        told = {**told, "resourceVersion": str(self._version), "generation": generation}
        self.objects[name] = copy.deepcopy({**document, "metadata": told})
        mode = self.chosen_mode or told["annotations"]["serving.kserve.io/deploymentMode"]
        controller = self.controllers.setdefault(name, Controller(mode))
        uri = document["spec"]["predictor"]["model"].get("storageUri", "")
        controller.change(self.objects[name], self.behaviours.get(uri, "ready"), time.monotonic())
        return self.service(name)


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self, verb: str) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            if verb == "patch":
                assert self.headers["Content-Type"] == "application/merge-patch+json"
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            answer = cluster.answer(verb, self.path.partition("?")[0], body)
            if isinstance(answer, str):
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            code, value = answer
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            # A client that did not want to wait longer has gone.
            with contextlib.suppress(ConnectionError):
                self.send_response(code)
                kind = "text/plain" if isinstance(value, str) else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def do_GET(self) -> None:
            self._do("get")

        def do_POST(self) -> None:
            self._do("create")

        def do_PATCH(self) -> None:
            self._do("patch")

        def log_message(self, *_: Any) -> None:
            """The requests are kept by the cluster."""

    return Handler


def running() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.close()


def other_writer(cluster: Cluster, **changes: Any) -> Callable[[], None]:
    """A function that changes the spec of the predictor as someone else would."""

    def write() -> None:
        found = cluster.objects["flights"]
        cluster.put(merge(found, {"spec": {"predictor": changes}}))

    return write
