"""Fault points: named places beside file operations and step boundaries, where a test lets one go wrong.

The environment variable `TANDEM_FAULT` holds an action and a pattern: `ENOSPC storage.write gate.json`.
Without it a point is one comparison. The pattern is matched, as in a shell, against the name of the point and
what it is about. Actions, at the first match unless said otherwise:

`raise`: an exception that nothing foresees. `kill`: SIGKILL of this process; `kill+1.5`: 1.5 seconds later.
`ENOSPC`, `EIO`, `EROFS`: the error of the operating system. `ENOSPC*`: also at every later point.
`short`: the file just written is cut to half of its bytes, then ENOSPC. `slow`: 50 ms at every match.
`trace`: appends each point that is passed to the file named in place of a pattern.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import signal
import threading
import time
from pathlib import Path

VARIABLE = "TANDEM_FAULT"
_SLOW_SECONDS = 0.05


class InjectedError(Exception):
    """What `raise` raises."""


class _Fault:
    def __init__(self, text: str) -> None:
        action, _, self._pattern = text.partition(" ")
        self._stays = action.endswith("*") or action in ("slow", "trace")
        self._action, _, delay = action.rstrip("*").partition("+")
        self._delay_seconds = float(delay or 0)
        self._spent = self._failing = False

    def reached(self, place: str, written: Path | None) -> None:
        if self._action == "trace":
            with Path(self._pattern).open("a") as file:
                file.write(place + "\n")
            return
        if not self._failing and (self._spent or not fnmatch.fnmatchcase(place, self._pattern)):
            return
        self._spent = not self._stays
        self._act(place, written)

    def _act(self, place: str, written: Path | None) -> None:
        if self._action == "slow":
            time.sleep(_SLOW_SECONDS)
        elif self._action == "raise":
            raise InjectedError(place)
        elif self._action == "kill":
            if not self._delay_seconds:
                os.kill(os.getpid(), signal.SIGKILL)
            timer = threading.Timer(self._delay_seconds, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        elif self._action == "short":
            if written is not None:
                os.truncate(written, written.stat().st_size // 2)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)
        else:
            self._failing = self._stays
            code = getattr(errno, self._action)
            raise OSError(code, os.strerror(code), place)


def _armed() -> _Fault | None:
    text = os.environ.get(VARIABLE)
    return _Fault(text) if text else None


_fault = _armed()


def rearm() -> None:
    """Reads `TANDEM_FAULT` again."""
    global _fault
    _fault = _armed()


def point(name: str, about: str | Path = "", written: Path | None = None) -> None:
    """Passes a fault point.

    Args:
        name: `<module>.<operation>`, one literal text for each place in the sources.
        about: what is operated on; of a path, its last part. Defaults to `""`.
        written: file that was just written, which `short` cuts. Defaults to `None`.

    Raises:
        OSError: if the armed action is an error of the operating system.
        InjectedError: if it is `raise`.
    """
    if _fault is not None:
        detail = about.name if isinstance(about, Path) else about
        _fault.reached(f"{name} {detail}".rstrip(), written)
