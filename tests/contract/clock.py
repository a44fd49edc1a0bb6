"""Runs a program whose clock is set off: `clock.py SECONDS PROGRAM ARGUMENTS`; file times stay."""

from __future__ import annotations

import datetime
import runpy
import sys
import time

_REAL_TIME, _REAL_TIME_NS, _REAL = time.time, time.time_ns, datetime.datetime


class _Now(type(_REAL)):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _REAL)


def set_off(seconds: int) -> None:
    """Shifts `time.time`, `time.time_ns` and `datetime.datetime.now` of this process."""

    class Shifted(_REAL, metaclass=_Now):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return _REAL.now(tz) + datetime.timedelta(seconds=seconds)

    datetime.datetime = Shifted  # type: ignore[misc]
    time.time = lambda: _REAL_TIME() + seconds
    time.time_ns = lambda: _REAL_TIME_NS() + seconds * 1_000_000_000


if __name__ == "__main__":
    _, shift, *program = sys.argv
    set_off(int(shift))
    sys.argv = program
    if program[0] == "-c":
        exec(program[1], {"__name__": "__main__"})
    else:
        runpy.run_path(program[0], run_name="__main__")
