"""The one base exception. Imports nothing, so every room can use it."""

from __future__ import annotations


class TandemError(Exception):
    """A failure that a user can act on.

    Args:
        code: stable identifier such as `GATE-003`; its prefix names the room.
        message: what was expected and `Received: name=value`.
        hint: what to do next, ideally a command. Defaults to `""`.
        exit_status: process status, `2` for bad config or data, `1` for a failure. Defaults to `1`.
    """

    def __init__(self, code: str, message: str, hint: str = "", exit_status: int = 1) -> None:
        super().__init__(f"{code}: {message}" + (f" {hint}" if hint else ""))
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_status = exit_status

    def __reduce__(self) -> tuple[type[TandemError], tuple[str, str, str, int]]:
        """Worker processes hand errors over by pickle, which by itself keeps the whole text only."""
        return TandemError, (self.code, self.message, self.hint, self.exit_status)
