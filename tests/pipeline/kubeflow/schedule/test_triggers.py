"""When a recurring run on the cluster starts runs."""

from __future__ import annotations

import datetime
import itertools

import kfp_server_api as kfp

from pipeline.kubeflow.schedule.triggers import times

CREATED = datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.UTC)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def hours(*numbers: float) -> list[datetime.datetime]:
    return [CREATED + datetime.timedelta(hours=number) for number in numbers]


def periodic(**more: object) -> object:
    schedule = kfp.V2beta1PeriodicSchedule(interval_second="7200", **more)
    return kfp.V2beta1RecurringRun(created_at=CREATED, trigger=kfp.V2beta1Trigger(periodic_schedule=schedule))


def cron(text: str = "0 0 * * * *", **more: object) -> object:
    schedule = kfp.V2beta1CronSchedule(cron=text, **more)
    return kfp.V2beta1RecurringRun(created_at=CREATED, trigger=kfp.V2beta1Trigger(cron_schedule=schedule))


def first(item: object, after: datetime.datetime, count: int = 3) -> list[datetime.datetime]:
    return list(itertools.islice(times(item, after), count))


def test_an_interval_counts_from_the_creation_and_not_at_once() -> None:
    assert first(periodic(), CREATED) == hours(2, 4, 6)
    assert first(periodic(), *hours(4)) == hours(6, 8, 10)
    assert first(periodic(), *hours(-9)) == hours(2, 4, 6)


def test_an_interval_counts_from_its_start() -> None:
    assert first(periodic(start_time=hours(0.5)[0]), CREATED) == hours(2.5, 4.5, 6.5)
    assert first(periodic(start_time=hours(-5)[0]), CREATED) == hours(1, 3, 5)


def test_an_end_is_the_last_that_counts() -> None:
    assert first(periodic(end_time=hours(4)[0]), CREATED) == hours(2, 4)
    assert first(cron(end_time=hours(1.5)[0]), CREATED) == hours(1)


def test_cron_begins_after_its_start_and_its_creation() -> None:
    assert first(cron(), *hours(-5)) == hours(1, 2, 3)
    assert first(cron(start_time=hours(2.5)[0]), CREATED) == hours(3, 4, 5)


def test_the_year_1970_stands_for_nothing() -> None:
    assert first(cron(start_time=EPOCH, end_time=EPOCH), CREATED) == hours(1, 2, 3)


def test_what_cannot_be_read_has_no_times() -> None:
    assert first(cron("@every 1h"), CREATED) == []
    assert first(kfp.V2beta1RecurringRun(created_at=CREATED), CREATED) == []
