"""Copies what the pods of a group say into the logs of the run, while they run."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

from absl import logging

from components.train.group.cluster.api import Api
from components.train.group.cluster.manifest import CONTAINER
from components.train.group.files import POD_HEADER
from trainer.errors import TandemError
from trainer.faults import point

_LONGEST_WAIT_SECONDS = 10.0
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z ")


class Logs:
    """Follows the log of each pod in a thread of its own, through broken connections and restarts.

    Every line keeps the time that the cluster puts in front of it, and that is how copying goes on where it
    was. What goes wrong with a log is told in the log of the step and stops no training.

    Args:
        api: the cluster.
        ended: whether a pod, by its name, runs no more.
        pause_seconds: between two tries. Defaults to `2.0`.
    """

    def __init__(self, api: Api, ended: Callable[[str], bool], pause_seconds: float = 2.0) -> None:
        self._api, self._ended, self._pause = api, ended, pause_seconds
        self._threads: dict[str, threading.Thread] = {}
        self._latest: dict[Path, threading.Thread] = {}
        self._closed = threading.Event()

    def follow(self, pod: str, path: Path) -> None:
        """Appends the log of a pod to a file, from where the file ends if it ends with that pod.

        Args:
            pod: name of the pod, whose container has started.
            path: the file.
        """
        if pod in self._threads:
            return
        before = self._latest.get(path)
        thread = threading.Thread(target=self._run, args=(pod, path, before), name=f"log-{pod}", daemon=True)
        self._threads[pod] = self._latest[path] = thread
        thread.start()

    def copies(self, pod: str) -> bool:
        """Whether the log of a pod is still being copied."""
        thread = self._threads.get(pod)
        return thread is not None and thread.is_alive()

    def is_copied(self, path: Path) -> bool:
        """Whether a pod was followed into a file, and the file holds all that it said."""
        thread = self._latest.get(path)
        return thread is not None and not thread.is_alive()

    def close(self, seconds: float) -> None:
        """Lets pods that have ended be copied to their end.

        Args:
            seconds: how long to wait for that, altogether and at most.
        """
        timer = threading.Timer(seconds, self._closed.set)
        timer.daemon = True
        timer.start()
        for pod, thread in self._threads.items():
            while thread.is_alive() and self._ended(pod) and not self._closed.is_set():
                thread.join(0.05)
        timer.cancel()
        self._closed.set()

    def _run(self, pod: str, path: Path, before: threading.Thread | None) -> None:
        if before is not None:
            # Its pod has ended or is lost; what is left of its log comes first.
            before.join(_LONGEST_WAIT_SECONDS)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            since = _reached(path, pod)
            with path.open("ab") as file:
                if since is None:
                    point("group.log_pod", path)
                    file.write(f"{POD_HEADER}{pod}\n".encode())
                    file.flush()
                since = since or b""
                while not self._closed.is_set():
                    # Asked first: what is written until it has ended is then in the answer.
                    over, known = self._ended(pod), since
                    try:
                        for line in self._api.log(pod, CONTAINER, since.decode()):
                            stamp = stamp_of(line)
                            if known and stamp and _key(stamp) <= _key(known):
                                continue
                            point("group.log", path)
                            file.write(line + b"\n")
                            file.flush()
                            since = stamp or since
                    except TandemError as error:
                        logging.info("The log of pod %s is not there: %s", pod, error.message)
                    if over:
                        return
                    self._closed.wait(self._pause)
        except OSError as error:
            logging.warning("The log of pod %s is copied no further: %s", pod, error)


def stamp_of(line: bytes) -> bytes:
    """The time in front of a line; empty if there is none.

    Example:
        >>> stamp_of(b"2026-11-26T09:00:00.5Z hello"), stamp_of(b"hello")
        (b'2026-11-26T09:00:00.5Z', b'')
    """
    found = _STAMP.match(line)
    return found[0].rstrip() if found else b""


def _key(stamp: bytes) -> tuple[bytes, bytes]:
    """Times in order; the cluster leaves out the zeros at their ends."""
    found = _STAMP.match(stamp + b" ")
    assert found is not None
    return found[1], (found[2] or b"").ljust(9, b"0")


def _reached(path: Path, pod: str) -> bytes | None:
    """Time of the last line, if the file ends with the log of this pod; None if it does not."""
    if not path.is_file():
        return None
    _, header, rest = path.read_bytes().rpartition(POD_HEADER.encode())
    name, _, lines = rest.partition(b"\n")
    if not header or name.decode(errors="replace") != pod:
        return None
    return next((stamp for line in reversed(lines.splitlines()) if (stamp := stamp_of(line))), b"")
