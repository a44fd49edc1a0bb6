"""A process that has imported the libraries and runs nothing itself: it forks a process for each task.

Run as `python -m pipeline.kubeflow.simulate.warm FD` by `pipeline/kubeflow/simulate/forks.py`.

Forking is safe as long as no thread could hold a lock at that moment. After an import of TensorFlow, Keras,
Beam and TFX there are threads of OpenBLAS (one pool for each copy of it) and of Arrow's jemalloc only, and
both libraries stop and start them around a fork (`pthread_atfork`). TensorFlow starts its thread pools with
the first op and gRPC with the first channel, in the children. `unsafe_reason` looks whether that still holds.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

_MESSAGE_BYTES = 1 << 16
_MAIN = "main"


def unsafe_reason() -> str:
    """Why this process must not be forked; empty if it may be."""
    if threading.active_count() > 1:
        return f"{threading.active_count()} Python threads"
    context = sys.modules.get("tensorflow.python.eager.context")
    current = getattr(context, "_context", None)
    if current is not None and getattr(current, "_context_handle", None) is not None:
        return "TensorFlow has run an op"
    tasks = list(Path("/proc/self/task").iterdir())
    named = [(task / "comm").read_text().strip() for task in tasks]
    maps = Path("/proc/self/maps").read_text().splitlines()
    pools = {line.split()[-1] for line in maps if "openblas" in line}
    per_pool = int(os.environ.get("OPENBLAS_NUM_THREADS") or os.cpu_count() or 1) - 1
    unknown = len(named) - 1 - named.count("jemalloc_bg_thd") - len(pools) * max(per_pool, 0)
    return f"{unknown} threads of unknown libraries" if unknown > 0 else ""


def _import(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - the task that needs it tells
            traceback.print_exc()


def _become(request: dict[str, Any], log: int) -> NoReturn:
    """Turns this child into the process of a task, and ends it."""
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
            os.dup2(nothing.fileno(), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["directory"])
        _forget()
        status = _run(request["module"], request["arguments"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _forget() -> None:
    """Renews what was worked out from the parent's environment."""
    tempfile.tempdir = None
    if "trainer.faults" in sys.modules:
        sys.modules["trainer.faults"].rearm()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _run(module: str, arguments: list[str]) -> int:
    loaded = sys.modules.get(module)
    sys.argv = [getattr(loaded, "__file__", None) or module, *arguments]
    if loaded is not None and hasattr(loaded, _MAIN):
        return int(getattr(loaded, _MAIN)(arguments) or 0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


class _Parent:
    """Serves the simulation until it closes the socket, then ends what is left."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._children: dict[int, str] = {}
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.set_blocking(reader, False)
        self._wake = reader
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._connection, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == self._wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake, 4096)
                    self._reap()
                elif not self._receive():
                    for child in self._children:
                        _signal(child, signal.SIGKILL)
                    return

    def _receive(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._connection, _MESSAGE_BYTES, 2)
        if not data:
            return False
        message = json.loads(data)
        if "signal" in message:
            for child, name in self._children.items():
                if name == message["id"]:
                    _signal(child, message["signal"])
            return True
        content, log = descriptors
        with os.fdopen(content, "rb") as file:
            request = json.loads(file.read())
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            self._connection.close()
            signal.set_wakeup_fd(-1)
            _become(request, log)
        os.close(log)
        self._children[child] = message["id"]
        return True

    def _reap(self) -> None:
        while self._children:
            # Seen before it is collected, so that its number still names its own process group.
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            name = self._children.pop(ended.si_pid)
            self._connection.send(
                json.dumps({"id": name, "status": os.waitstatus_to_exitcode(status)}).encode()
            )


def _signal(child: int, number: int) -> None:
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        # It has not made its group yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)


def main() -> None:
    """Imports what is asked for, tells whether it may fork, and serves."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    asked = json.loads(connection.recv(_MESSAGE_BYTES))
    _import(asked["modules"])
    connection.send(json.dumps({"unsafe": unsafe_reason()}).encode())
    _Parent(connection).serve()


if __name__ == "__main__":
    main()
