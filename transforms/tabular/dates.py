"""Calendar parts of UTC epoch seconds, by integer arithmetic in the graph.

Days become a year, month and day by counting in eras of 400 years (146,097 days) that begin on the
first of March, so that the leap day is the last day of a year. Proleptic Gregorian calendar, exact for
times before 1970 too.

Reference: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days and
days_from_civil.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

YEARS = 128
SIZES = {
    "minute": 60,
    "hour": 24,
    "weekday": 7,
    "day": 31,
    "month": 12,
    "week": 53,
    "quarter": 4,
    "year": YEARS,
}

MISSING = tf.int64.min

_DAY_SECONDS = 86_400
_ERA_DAYS = 146_097
_EPOCH_DAYS = 719_468


def civil(days: Any) -> tuple[Any, Any, Any]:
    """Year, month and day of the month of a day.

    Args:
        days: int64 tensor of any shape. Days since 1970-01-01, negative before.

    Returns:
        int64 tensors of the same shape: the year, the month in `[1, 12]`, the day in `[1, 31]`.

    Example:
        >>> [int(part) for part in civil(tf.constant(-1, tf.int64))]
        [1969, 12, 31]
    """
    shifted = days + _EPOCH_DAYS
    era = shifted // _ERA_DAYS
    day_of_era = shifted - era * _ERA_DAYS
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // (_ERA_DAYS - 1)
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * march_month + 2) // 5 + 1
    month = tf.where(march_month < 10, march_month + 3, march_month - 9)
    year = year_of_era + era * 400 + tf.cast(month <= 2, tf.int64)
    return year, month, day


def january_first(year: Any) -> Any:
    """Days from 1970-01-01 to the first of January of an int64 `year`."""
    march_year = year - 1
    era = march_year // 400
    year_of_era = march_year - era * 400
    return era * _ERA_DAYS + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + 306 - _EPOCH_DAYS


def part_ids(seconds: Any, parts: tuple[str, ...]) -> Any:
    """Ids of one calendar part of each column.

    `minute`, `hour` from 0; `weekday` 0 for Monday; `day`, `month`, `quarter` and `week` less 1, where
    `week` is the ISO 8601 week (the week of a day is that of its Thursday); `year` modulo 128, which
    keeps the years of any 128 apart without a vocabulary. A missing time has the id `SIZES[part]`.

    Args:
        seconds: int64 tensor `(batch, columns)`. UTC epoch seconds; `MISSING` (-2**63) where missing.
        parts: the part of each column, of length `columns`.

    Returns:
        int64 tensor `(batch, columns)`; column `j` is in `[0, SIZES[parts[j]]]`.

    Example:
        >>> part_ids(tf.constant([[3_600, MISSING]], tf.int64), ("hour", "weekday")).numpy().tolist()
        [[1, 7]]
    """
    missing = tf.equal(seconds, MISSING)
    seconds = tf.where(missing, tf.zeros_like(seconds), seconds)
    days = seconds // _DAY_SECONDS
    second_of_day = seconds - days * _DAY_SECONDS
    weekday = (days + 3) % 7
    year, month, day = civil(days)
    thursday = days - weekday + 3
    values = {
        "minute": second_of_day // 60 % 60,
        "hour": second_of_day // 3_600,
        "weekday": weekday,
        "day": day - 1,
        "month": month - 1,
        "week": (thursday - january_first(civil(thursday)[0])) // 7,
        "quarter": (month - 1) // 3,
        "year": year % YEARS,
    }
    columns = tf.stack([values[part][:, j] for j, part in enumerate(parts)], axis=1)
    return tf.where(missing, tf.constant([SIZES[part] for part in parts], tf.int64), columns)
