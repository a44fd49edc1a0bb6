"""One run at a time on a root: the loser is told who holds it, a dead holder's lock is free."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runs.store import now
from trainer.errors import TandemError


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file while the block runs; the kernel frees it when the process dies.

    Args:
        path: lock file.
        what: what the holder does, told to the loser.

    Raises:
        TandemError: `RUN-004` if another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
            raise TandemError(
                "RUN-004",
                "Expected a root that nothing else works on. "
                f"Received: a lock held by {holder or 'another process'}",
                "Wait for that run to end, or give this one another root with --root.",
            ) from None
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": now(), "what": what}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        os.close(descriptor)
