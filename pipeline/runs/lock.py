"""One run at a time on a root: the loser is told who holds it, a dead holder's lock is free."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.runs.store import now
from trainer.errors import TandemError
from trainer.faults import point

_BYTES = 4096


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[Callable[[str], None]]:
    """Holds the lock file while the block runs; the kernel frees it when the process dies.

    Args:
        path: lock file.
        what: what the holder does, told to the loser.

    Yields:
        A function that tells the loser which run the holder works on.

    Raises:
        TandemError: `RUN-004` if another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    point("run_lock.open")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor)
        owner: dict[str, Any] = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}

        def write(**more: str) -> None:
            owner.update(more)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner).encode(), 0)
            point("run_lock.write")

        write(what=what)
        yield lambda run_id: write(run=run_id)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    # A command that only looks holds the lock for an instant.
    for wait_seconds in (0.05, 0.2, 0.5, None):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if wait_seconds is None:
                raise _held(descriptor) from None
            time.sleep(wait_seconds)


def ensure_free(path: Path) -> None:
    """Tells early what `exclusive` would tell.

    Raises:
        TandemError: `RUN-004` if another process holds the lock.
    """
    with _opened(path) as descriptor:
        if descriptor is not None and _is_held(descriptor):
            raise _held(descriptor)


def running(path: Path) -> str | None:
    """Id of the run that a living process works on, or `None`.

    Args:
        path: lock file; need not exist.
    """
    with _opened(path) as descriptor:
        if descriptor is None or not _is_held(descriptor):
            return None
        run = _owner(descriptor).get("run")
        return str(run) if run else None


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _held(descriptor: int) -> TandemError:
    return TandemError(
        "RUN-004",
        f"Expected a root that nothing else works on. Received: a lock held by {_told(descriptor)}",
        "Wait for that run to end, or give this one another root with --root.",
    )


def _owner(descriptor: int) -> dict[str, Any]:
    try:
        value = json.loads(os.pread(descriptor, _BYTES, 0))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _told(descriptor: int) -> str:
    owner = _owner(descriptor)
    if not owner:
        return "another process"
    pid, host, since, what = (owner.get(key) for key in ("pid", "host", "since", "what"))
    run = f", {owner['run']}" if owner.get("run") else ""
    return f"process {pid} on {host} since {since}: {what}{run}"
