"""The warm process seen from the simulation: it is started early, and asked for a process per task."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.faults import point

_MESSAGE_BYTES = 1 << 16
_GRACE_SECONDS = 5.0


def package_path() -> str:
    """Directory that this package is imported from, for processes with another working directory."""
    return str(Path(__file__).resolve().parents[3])


class Warm:
    """A warm process.

    Args:
        modules: what it imports before it forks.
        environment: its environment; of a forked process only what libraries read later can differ.
        log: file for what imports say.
    """

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        point("simulate.warm_log")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.kubeflow.simulate.warm", str(theirs.fileno())],
                env={**environment, "PYTHONPATH": _with_package(environment)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        theirs.close()
        self._connection = ours
        self._connection.send(json.dumps({"modules": list(modules)}).encode())
        self._lock = threading.Lock()
        self._ended: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._number = 0
        self._unsafe: str | None = None
        threading.Thread(target=self._listen, name="warm", daemon=True).start()

    def unsafe_reason(self) -> str:
        """Waits for the imports. Returns why nothing can be forked; empty if all is well."""
        with self._changed:
            self._changed.wait_for(lambda: self._unsafe is not None or self._closed)
            return "it ended" if self._unsafe is None else self._unsafe

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        log: int,
        timeout_seconds: float | None,
    ) -> int | None:
        """Runs `python -m module arguments` in a forked process.

        Args:
            module: module with a `main(arguments)`.
            arguments: its arguments.
            directory: working directory.
            environment: its whole environment.
            log: descriptor that takes its output.
            timeout_seconds: when it is killed; `None` for never.

        Returns:
            The exit status, negative for a signal; `None` after the timeout.
        """
        with self._lock:
            self._number += 1
            name = str(self._number)
        request = {
            "module": module,
            "arguments": list(arguments),
            "directory": str(directory),
            "environment": dict(environment),
        }
        content = os.memfd_create("request")
        try:
            data = json.dumps(request).encode()
            while data:
                data = data[os.write(content, data) :]
            os.lseek(content, 0, os.SEEK_SET)
            with self._lock:
                socket.send_fds(self._connection, [json.dumps({"id": name}).encode()], [content, log])
        except OSError:
            return -signal.SIGKILL
        finally:
            os.close(content)
        if self._wait(name, timeout_seconds):
            return self._ended.pop(name, -signal.SIGKILL)
        self._end(name)
        self._ended.pop(name, None)
        return None

    def _wait(self, name: str, seconds: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: name in self._ended or self._closed, seconds)

    def _end(self, name: str) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                with self._lock:
                    self._connection.send(json.dumps({"id": name, "signal": number}).encode())
            except OSError:
                return
            if self._wait(name, _GRACE_SECONDS):
                return

    def close(self) -> None:
        """Ends it and everything it forked."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        if self._unsafe is None:
            # It would only notice after its imports, and has forked nothing.
            self._process.kill()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        while True:
            try:
                data = self._connection.recv(_MESSAGE_BYTES)
            except OSError:
                data = b""
            with self._changed:
                if not data:
                    self._closed = True
                    self._changed.notify_all()
                    return
                message = json.loads(data)
                if "unsafe" in message:
                    self._unsafe = message["unsafe"]
                else:
                    self._ended[message["id"]] = message["status"]
                self._changed.notify_all()


def _with_package(environment: Mapping[str, str]) -> str:
    return os.pathsep.join(filter(None, [package_path(), environment.get("PYTHONPATH", "")]))


def importable(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with this package on Python's path."""
    return {**environment, "PYTHONPATH": _with_package(environment)}
