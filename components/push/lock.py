"""One pusher at a time: an advisory file lock that says who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from absl import logging

from trainer.errors import TandemError
from trainer.faults import point

FILE_NAME = ".push.lock"


@contextlib.contextmanager
def hold(directory: Path, wait_seconds: float = 30.0) -> Iterator[None]:
    """Holds the lock of `directory`, which is made when absent.

    The kernel frees the lock when its holder dies, so a dead holder is taken over at once and only logged.
    The file names the holder while it is held and is empty otherwise; it is never removed, because a
    waiting process may have it open.

    Args:
        directory: directory of one served model.
        wait_seconds: longest wait for a living holder. Defaults to `30.0`.

    Raises:
        TandemError: `PUSH-002` naming the holder when the wait is over.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    point("push_lock.open")
    with path.open("a+b", buffering=0) as file:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                raise TandemError(
                    "PUSH-002",
                    f"Expected the lock of {directory} to be free. Received: holder={_describe(path)}",
                    "Wait for that process to end, then run the same command again.",
                )
            time.sleep(0.02)
        left = owner(path)
        if left:
            logging.warning(
                "Taking over the lock of %s from %s, which ended without freeing it.",
                directory,
                _describe(path),
            )
        file.truncate(0)
        file.write(json.dumps(_myself()).encode())
        point("push_lock.write")
        try:
            yield
        finally:
            file.truncate(0)


def owner(path: Path) -> dict[str, Any]:
    """Reads who holds, or held, the lock file: `pid`, `host`, `started` (process start, epoch seconds)."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _myself() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": psutil.Process().create_time(),
    }


def _describe(path: Path) -> str:
    holder = owner(path)
    if not holder:
        return "unknown"
    return f"process {holder.get('pid')} on {holder.get('host')}, started at {holder.get('started')}"
