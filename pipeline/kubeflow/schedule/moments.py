"""The moments that a schedule lies between, and those that a user types."""

from __future__ import annotations

import datetime

from trainer.errors import TandemError


def moment(key: str, text: str | None) -> datetime.datetime | None:
    """A moment in UTC, whole seconds; without a zone it is UTC.

    Args:
        key: of `kubeflow.schedule`, or an option, such as `--since`.
        text: what was given, or `None`.

    Raises:
        TandemError: `KFP-403` if it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.datetime.fromisoformat(text.strip())
        zone = found.tzinfo
        # A zone may carry it over the first or the last year.
        found = found.replace(tzinfo=datetime.UTC) if zone is None else found.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise _wrong(key, f"{key}={text!r}") from None
    return found.replace(microsecond=0)


def require_order(start: str | None, end: str | None) -> None:
    """Refuses an end that does not come after the start.

    Raises:
        TandemError: `KFP-403` for it, and if one of both is no moment.
    """
    first, last = moment("start", start), moment("end", end)
    if first is not None and last is not None and last <= first:
        raise _wrong("end", f"end={end!r}, which is not after start={start!r}")


def require_future(end: str | None, now: datetime.datetime) -> None:
    """Refuses an end that has passed, after which no run would start.

    Raises:
        TandemError: `KFP-403` for it.
    """
    last = moment("end", end)
    if last is not None and last <= now:
        hint = "Set a later one; `tandem schedule delete` removes a schedule that has ended."
        raise _wrong("end", f"end={end!r}, which is in the past", hint)


def _wrong(
    key: str, received: str, hint: str = "Write date and time; without a zone it is UTC."
) -> TandemError:
    name = key if key.startswith("--") else f"kubeflow.schedule.{key}"
    return TandemError(
        "KFP-403",
        f"Expected {name} as a moment such as 2026-01-31T03:00:00Z. Received: {received}.",
        hint,
        exit_status=2,
    )
