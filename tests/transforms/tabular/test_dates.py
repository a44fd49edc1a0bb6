"""Calendar parts against the datetime library."""

from __future__ import annotations

import datetime

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.tabular import dates

PARTS = ("minute", "hour", "weekday", "day", "month", "week", "quarter", "year")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def expected(seconds: int) -> list[int]:
    time = EPOCH + datetime.timedelta(seconds=seconds)
    week = time.isocalendar().week
    quarter = (time.month - 1) // 3
    return [
        *(time.minute, time.hour, time.weekday(), time.day - 1, time.month - 1),
        *(week - 1, quarter, time.year % 128),
    ]


def ids(seconds: list[int]) -> np.ndarray:
    columns = tf.repeat(tf.constant(seconds, tf.int64)[:, tf.newaxis], len(PARTS), axis=1)
    return dates.part_ids(columns, PARTS).numpy()


def test_every_day_of_two_centuries_equals_datetime():
    first = int((datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC) - EPOCH).total_seconds())
    times = [first + 86_400 * day + 3_599 * (day % 24) for day in range(73_414)]
    assert ids(times).tolist() == [expected(time) for time in times]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-2_208_988_800, 4_133_980_799), min_size=1, max_size=20))
def test_any_second_from_1900_to_2100_equals_datetime(times):
    assert ids(times).tolist() == [expected(time) for time in times]


def test_a_missing_time_has_an_id_of_its_own():
    assert ids([dates.MISSING])[0].tolist() == [dates.SIZES[part] for part in PARTS]


@settings(deadline=None, max_examples=50)
@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_ids_of_absurd_times_stay_in_range(time):
    found = ids([time])[0].tolist()
    assert all(0 <= i < dates.SIZES[part] for part, i in zip(PARTS, found, strict=True))


def test_times_before_1970_and_missing_times_pass_through_the_graph(shop):
    # 2013-01-01 was a Tuesday, 1969-12-31 a Wednesday, 1970-01-01 a Thursday.
    assert shop.ids("wide", "time.hour")[:4] == [5, 23, 24, 0]
    assert shop.ids("wide", "time.weekday")[:4] == [1, 2, 7, 3]
    assert shop.ids("wide", "time.year")[:4] == [2013 % 128, 1969 % 128, 128, 1970 % 128]
