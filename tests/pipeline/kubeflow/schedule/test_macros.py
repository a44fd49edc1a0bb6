"""Spans that the backend fills in, and those that it would leave as they are."""

from __future__ import annotations

import datetime

import pytest

from pipeline.kubeflow.schedule.macros import layout_of, rendered
from trainer.errors import TandemError

MOMENT = datetime.datetime(2026, 1, 31, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (None, "newest"),
        ("17", "17"),
        ("[[ScheduledTime]]", "20260131030405"),
        ("[[ScheduledTime.2006-01-02]]", "2026-01-31"),
        ("[[ScheduledTime.20060102]]", "20260131"),
        ("[[CurrentTime.2006/01/02T15:04:05]]", "2026/01/31T03:04:05"),
        ("{{$.scheduledTime.strftime('%Y-%m-%d')}}", "2026-01-31"),
        ("{{$.currentTime.strftime('%Y%m%d%H')}}", "2026013103"),
    ],
)
def test_a_span_becomes_a_time(span: str | None, text: str) -> None:
    assert rendered(span, MOMENT) == text


def test_a_time_of_another_zone_counts_in_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=5))
    moment = datetime.datetime(2026, 2, 1, 2, 0, tzinfo=east)
    assert rendered("[[ScheduledTime.2006-01-02]]", moment) == "2026-01-31"


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ("", "neither a number nor a macro"),
        ("-1", "neither"),
        ("latest", "neither"),
        ("[[Index]]", "does not replace"),
        ("[[RunUUID]]", "one that is known"),
        ("[[ScheduledTime.YYYY-MM-DD]]", "'YYYY-MM-DD', which stays"),
        ("[[ScheduledTime.%Y-%m-%d]]", "which stays"),
        ("[[ScheduledTime.]]", "no year and no month and no day"),
        ("[[ScheduledTime.2006-01]]", "no day"),
        ("[[scheduledTime]]", "one that is known"),
        ("day-[[ScheduledTime.2006-01-02]]", "the whole text"),
        ("[[ScheduledTime.2006-01-02]] ", "the whole text"),
        ("{{$.scheduledTime.strftime('%Y-%j')}}", "which stays"),
        ('{{$.scheduledTime.strftime("%Y-%m-%d")}}', "neither"),
    ],
)
def test_what_the_backend_would_leave_is_refused(span: str, told: str) -> None:
    with pytest.raises(TandemError, match=rf"KFP-404.*{told}.*Use \[\[ScheduledTime") as refused:
        layout_of(span)
    assert """--set "kubeflow.schedule.span='[[ScheduledTime.2006-01-02]]'\"""" in refused.value.hint
