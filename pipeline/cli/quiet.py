"""Keeps what native libraries write to stderr while they load off the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Sends file descriptor 2 nowhere while the block runs; exceptions pass through."""
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(Path(os.devnull), os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
