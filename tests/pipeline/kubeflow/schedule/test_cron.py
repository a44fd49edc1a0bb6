"""Cron as the backend reads it, against another implementation and by hand."""

from __future__ import annotations

import datetime
import itertools
import random

import pytest

from pipeline.kubeflow.schedule.cron import Cron, parse
from trainer.errors import TandemError


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def following(cron: Cron, moment: datetime.datetime, count: int) -> list[datetime.datetime]:
    found = []
    for _ in range(count):
        moment = cron.next_after(moment)
        found.append(moment)
    return found


def test_five_fields_start_at_second_0() -> None:
    # The backend would take minute 0 for second 0 and hour 3 for minute 3.
    assert parse("0 3 * * *").text == "0 0 3 * * *"
    assert parse("0 3 * * *").next_after(utc("2026-01-31T03:00:00")) == utc("2026-02-01T03:00:00")


@pytest.mark.parametrize(
    ("text", "after", "found"),
    [
        ("0 0 3 * * *", "2026-01-31T02:59:59", "2026-01-31T03:00:00"),
        ("30 15 3 * * mon-fri", "2026-01-30T04:00:00", "2026-02-02T03:15:30"),
        ("0 0 0 29 2 ?", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 0 31 * *", "2026-01-31T00:00:00", "2026-03-31T00:00:00"),
        ("0 */20 * * * *", "2026-01-01T00:41:00", "2026-01-01T01:00:00"),
        ("0 5/20 * * * *", "2026-01-01T00:26:00", "2026-01-01T00:45:00"),
        ("0 0 0 1 jan,JUL *", "2026-01-01T00:00:00", "2026-07-01T00:00:00"),
        # Either day of month or day of week: Friday the 2nd comes before the 13th.
        ("0 0 0 13 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        # With a star in one of them both must hold, also in steps: an odd day that is a Monday.
        ("0 0 0 */2 * 1", "2026-01-01T00:00:00", "2026-01-05T00:00:00"),
        ("0 0 0 * * 0", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
    ],
)
def test_the_next_start_worked_by_hand(text: str, after: str, found: str) -> None:
    assert parse(text).next_after(utc(after)) == utc(found)


def test_a_moment_of_another_zone_counts_in_utc() -> None:
    after = datetime.datetime.fromisoformat("2026-01-31T05:30:00+02:00")
    assert parse("0 0 4 * * *").next_after(after) == utc("2026-01-31T04:00:00")


def test_random_expressions_agree_with_another_implementation() -> None:
    croniter = pytest.importorskip("croniter", reason="croniter is not installed").croniter
    draw = random.Random(7)
    for _ in range(150):
        fields = [
            _field(draw, 0, 59, False),
            _field(draw, 0, 23, False),
            _field(draw, 1, 28, True),
            _field(draw, 1, 12, True),
            _field(draw, 0, 6, True),
        ]
        # Where days of month and week meet, implementations differ; that is worked by hand.
        fields[draw.choice((2, 4))] = "*"
        text = " ".join(fields)
        start = utc("2024-01-01T00:00:00") + datetime.timedelta(minutes=draw.randrange(2_000_000))
        other = croniter(text, start)
        expected = [other.get_next(datetime.datetime) for _ in range(4)]
        assert following(parse(text), start, 4) == expected, text


def _field(draw: random.Random, low: int, high: int, star: bool) -> str:
    def value() -> int:
        return draw.randint(low, high)

    first, last = sorted(draw.sample(range(low, high + 1), 2))
    kinds = [
        f"{value()}",
        f"{first}-{last}",
        f"{first}-{last}/2",
        f"{value()},{value()}",
        f"*/{draw.randint(2, 9)}",
    ]
    return draw.choice([*kinds, "*"] if star else kinds)


def test_an_end_of_month_is_found_a_hundred_times() -> None:
    starts = following(parse("0 0 0 31 * *"), utc("2026-01-01T00:00:00"), 100)
    assert all(moment.day == 31 for moment in starts)
    assert all(a < b for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "0 fields"),
        ("0 3 * *", "4 fields"),
        ("0 0 3 * * * 2026", "7 fields.*year"),
        ("@daily", "abbreviation.*0 0 3"),
        ("@every 1h", "abbreviation"),
        ("* 0 3 * * *", "60 values in field second"),
        ("0,30 0 3 * * *", "2 values in field second"),
        ("60 0 3 * * *", "'60' in field second.*0 to 59"),
        ("0 61 3 * * *", "'61' in field minute"),
        ("0 0 24 * * *", "'24' in field hour.*0 to 23"),
        ("0 0 3 0 * *", "'0' in field day of month.*1 to 31"),
        ("0 0 3 * 13 *", "'13' in field month"),
        ("0 0 3 * * 7", "'7' in field day of week.*Sunday is 0"),
        ("0 0 3 L * *", "'L' in field day of month.*not possible"),
        ("0 0 3 15W * *", "'15W'"),
        ("0 0 3 * * 5#3", "'5#3'"),
        ("0 0 3 * monday *", "'monday' in field month.*jan"),
        ("0 0 5-3 * * *", "'5-3' in field hour.*smaller"),
        ("0 */0 3 * * *", r"'\*/0' in field minute.*at least 1"),
        ("0 1,,2 3 * * *", "'' in field minute"),
        ("0 1-2-3 3 * * *", "'1-2-3' in field minute"),
        ("0 -1 3 * * *", "'-1' in field minute"),
        ("0 1.5 3 * * *", "'1.5' in field minute"),
        ("0 1/2/3 3 * * *", "'1/2/3' in field minute"),
        ("0 ٣ 3 * * *", "in field minute"),
        ("0 0 3 30 2 *", "a day that does not come within five years"),
        ("0 0 3 31 4,6 *", "a day that does not come within five years"),
        # A leap day that is a Sunday: a day that a month has, but not soon.
        ("0 0 3 29 2 */7", "a day that does not come within five years.*day of week"),
    ],
)
def test_what_the_backend_would_not_do_is_refused(text: str, told: str) -> None:
    with pytest.raises(TandemError, match=rf"KFP-401.*{told}") as refused:
        parse(text)
    assert refused.value.exit_status == 2
