"""The span that a run is started with."""

from __future__ import annotations

import datetime
import re

from trainer.errors import TandemError

_EPOCH = datetime.date(1970, 1, 1)
_TYPED = re.compile(
    r"[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_UNFILLED = "Backends before 2.16 hand macros of schedules on unfilled; give the span as a number there."


def span_number(text: str) -> int | None:
    """The span that a run was started with.

    Args:
        text: a number, a date `2026-11-26` (the day, as spans of `{YYYY}-{MM}-{DD}` are numbered), a moment
            in RFC 3339 (its day), or empty.

    Returns:
        The number; none for empty.

    Raises:
        TandemError: `KFP-110` for any other text.

    Example:
        >>> span_number("7"), span_number("1970-01-03"), span_number("")
        (7, 2, None)
    """
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        return (datetime.date.fromisoformat(text[:10]) - _EPOCH).days
    except ValueError as error:
        raise _wrong(text, _UNFILLED) from error


def require_typed(text: str) -> None:
    """Refuses what a user cannot start a run with by hand: stricter than a run, which cannot be asked again.

    Raises:
        TandemError: `KFP-110` unless it is a number, a date or a moment in RFC 3339.
    """
    macro = "[[" in text or "{{" in text
    hint = (
        "Macros are for kubeflow.schedule.span only: nothing replaces them in a run that is started by hand."
        if macro
        else "Leave --span out for the newest."
    )
    if not _TYPED.fullmatch(text.strip()):
        raise _wrong(text, hint)
    try:
        number = span_number(text)
    except TandemError:
        raise _wrong(text, hint) from None
    if number is None or number < 0:
        raise _wrong(text, hint)


def _wrong(text: str, hint: str) -> TandemError:
    return TandemError(
        "KFP-110",
        f"Expected a span: a number or a date like 2026-11-26. Received: span={text}",
        hint,
        exit_status=2,
    )
