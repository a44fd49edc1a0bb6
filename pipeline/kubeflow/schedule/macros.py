"""The span of a scheduled run: a number, or a macro that the backend replaces by a time (UTC)."""

from __future__ import annotations

import datetime
import re

from trainer.errors import TandemError

_GO = {"2006": "%Y", "01": "%m", "02": "%d", "15": "%H", "04": "%M", "05": "%S"}
_GO_TOKEN = re.compile("|".join(_GO))
_GO_DEFAULT = "20060102150405"
_BRACKETS = re.compile(r"\[\[(?P<name>[A-Za-z]+)(?:\.(?P<layout>[^\]]*))?\]\]")
_BRACES = re.compile(r"\{\{\$\.(?P<name>scheduledTime|currentTime)\.strftime\('(?P<layout>[^']*)'\)\}\}")
_BETWEEN = re.compile(r"[-_/.: T]*")
_STRFTIME = re.compile(r"%[YmdHMS]")
_KNOWN = (
    "[[ScheduledTime]], [[ScheduledTime.2006-01-02]], [[CurrentTime]], [[CurrentTime.2006-01-02]] or "
    "{{$.scheduledTime.strftime('%Y-%m-%d')}}"
)
_QUOTED = """--set "kubeflow.schedule.span='[[ScheduledTime.2006-01-02]]'\""""


def layout_of(span: str) -> str | None:
    """The layout of a span's macro as `strftime` takes it, or `None` if the span is a number.

    Raises:
        TandemError: `KFP-404` if the backend would leave it as it is, or give no year, month and day.
    """
    if span.isascii() and span.isdigit():
        return None
    if match := _BRACES.fullmatch(span):
        layout = match["layout"]
        rest = _STRFTIME.sub("", layout)
    elif (match := _BRACKETS.fullmatch(span)) and match["name"] in ("ScheduledTime", "CurrentTime"):
        given = _GO_DEFAULT if match["layout"] is None else match["layout"]
        layout = _GO_TOKEN.sub(lambda token: _GO[token[0]], given)
        rest = _GO_TOKEN.sub("", given)
    else:
        raise _wrong(span, _why(span))
    if not _BETWEEN.fullmatch(rest):
        raise _wrong(span, f"the layout has {rest!r}, which stays as it is; Go writes 2006 01 02 15 04 05")
    missing = [
        name for name, token in (("year", "%Y"), ("month", "%m"), ("day", "%d")) if token not in layout
    ]
    if missing:
        raise _wrong(span, f"the layout has no {' and no '.join(missing)}")
    return layout


def rendered(span: str | None, moment: datetime.datetime) -> str:
    """What a run gets that is scheduled for `moment`."""
    if span is None:
        return "newest"
    layout = layout_of(span)
    return span if layout is None else moment.astimezone(datetime.UTC).strftime(layout)


def _why(span: str) -> str:
    if "[[Index]]" in span:
        return "the backend does not replace [[Index]]"
    if _BRACKETS.search(span) or _BRACES.search(span):
        return "a macro is the whole text or nothing, and one that is known"
    return "neither a number nor a macro"


def _wrong(span: str, reason: str) -> TandemError:
    return TandemError(
        "KFP-404",
        f"Expected kubeflow.schedule.span as a number or a macro. Received: span={span!r}: {reason}.",
        f"Use {_KNOWN}. On the command line, quote twice: {_QUOTED}.",
        exit_status=2,
    )
