"""What broke since the run before, on real statistics of rows whose shares are known."""

from __future__ import annotations

import re
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.check.breaks import copies, enough, strangers, strays, stuck
from components.check.core import examine
from components.check.drift import QUANTILES
from pipeline.config.model import Check

OPTIONS = tfdv.StatsOptions(num_quantiles_histogram_buckets=QUANTILES)
CHECK = Check().model_dump(mode="json")


def statistics(**columns: object) -> Any:
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns), stats_options=OPTIONS)


def numbers(rows: int = 1000) -> np.ndarray:
    """1 to 100, each as often: quartiles about 25 and 75, so beyond about 1,075 lies an outlier."""
    return np.resize(np.arange(1.0, 101.0), rows)


def stray(new: np.ndarray, old: np.ndarray | None = None, label: str = "y") -> list[tuple[str, float]]:
    before = statistics(x=numbers() if old is None else old)
    return [(name, round(share, 2)) for name, share, _ in strays(before, statistics(x=new), 20.0, label)]


def test_the_rows_that_chance_does_not_explain() -> None:
    # Of as many rows as before, each lies beyond all old ones with a chance of a half: 2**-20 is 9.5e-7.
    assert 19 < enough(500, 500) < 20
    assert enough(100, 900) == pytest.approx(6)
    assert enough(0, 900) == enough(900, 0) == np.inf


def test_another_unit_is_seen_in_all_rows_and_in_some() -> None:
    # 1,000 to 100,000 where about 1,076 is the bound: all but a hundredth, and a cell of the quantiles.
    assert stray(numbers() * 1000) == [("x", pytest.approx(0.98, abs=0.021))]
    some = np.where(np.arange(1000) % 20 == 0, 1e6, numbers())
    assert stray(some) == [("x", 0.05)]
    assert stray(-some, -numbers()) == [("x", 0.05)]


def test_a_few_rows_or_a_longer_tail_are_no_other_unit() -> None:
    assert stray(np.where(np.arange(1000) < 10, 1e6, numbers())) == []
    assert stray(numbers() * 10) == []
    # One old row that lies as far: chance of a heavy tail.
    assert stray(np.where(np.arange(1000) % 20 == 0, 1e6, numbers()), np.append(numbers(999), 1e6)) == []
    # A tenth of 100 rows are 10: as far out by chance once in a thousand times.
    assert stray(np.where(np.arange(100) % 10 == 0, 1e6, numbers(100)), numbers(100)) == []


def test_times_go_on_and_labels_do_not() -> None:
    times = np.arange(1000)
    assert stray(times + 10**9, times) == []
    assert stray(times + 10**9, times, label="x") == [("x", 1.0)]


def few(old: object, new: object) -> list[tuple[str, tuple[str, ...]]]:
    return list(stuck(statistics(x=old), statistics(x=new)))


def test_a_column_that_varied_and_has_one_value_is_stuck() -> None:
    assert few(numbers(), np.full(1000, 7.0)) == [("x", ("7",))]
    colours = np.resize(["a", "b", "c"], 999)
    assert few(colours, np.full(999, "a")) == [("x", ("a",))]
    assert few(colours, np.full(999, "d")) == [("x", ("d",))]


def test_a_number_that_took_two_values_of_many_is_stuck() -> None:
    assert few(numbers(), np.resize([2.0, 5.0, 5.0], 1000)) == [("x", ("2", "5"))]
    letters = list("abcdefghij")
    assert few(np.resize(letters, 1000), np.resize(["a", "b"], 1000)) == [("x", ("a", "b"))]
    # A third and a quarter of the rows each: two of them had half.
    assert few(np.resize(list("abc"), 999), np.resize(["a", "b"], 999)) == []
    assert few(np.resize(list("abcd"), 1000), np.resize(["a", "b"], 1000)) == []


def test_a_column_that_may_have_one_value_is_not_stuck() -> None:
    assert few(np.resize(["a", "b"], 1000), np.full(1000, "a")) == []
    assert few(np.resize(["a", "b", "c"], 999), np.full(10, "a")) == []
    assert few(np.resize(["a", "b", "c"], 999), np.resize(["a", "b"], 999)) == []
    assert few(np.full(1000, 3.0), np.full(1000, 3.0)) == []
    # A third of the rows: one month of three.
    assert few(np.resize([1.0, 2.0, 3.0], 999), np.full(333, 2.0)) == []


def test_new_frequent_texts_are_strangers() -> None:
    shops = np.array([f"s{number}" for number in np.resize(np.arange(150), 3000)])
    old = statistics(x=shops)
    found = list(strangers(old, statistics(x=np.where(np.arange(3000) % 5 == 0, "new", shops)), 0.95))
    assert found == [("x", pytest.approx(0.2))]
    # Each of 150 new values has 20 rows: more than chance.
    assert list(strangers(old, statistics(x=np.char.add("x", shops)), 0.95)) == [("x", pytest.approx(1.0))]


def test_rare_new_texts_are_no_strangers() -> None:
    each = np.array([f"id{number}" for number in range(3000)])
    assert list(strangers(statistics(x=each), statistics(x=np.char.add("x", each)), 0.95)) == []
    shops = np.resize(["a", "b", "c"], 3000)
    rare = np.where(np.arange(3000) % 50 == 0, "new", shops)
    assert list(strangers(statistics(x=shops), statistics(x=rare), 0.95)) == []


def test_a_text_beyond_the_listed_ones_may_have_been_there() -> None:
    # 1,500 values of 4 rows: the list of 1,000 does not tell whether `hidden` was among the others.
    old = np.repeat([f"s{number}" for number in range(1500)], 4)
    new = np.where(np.arange(6000) % 500 == 0, "hidden", old)
    assert list(strangers(statistics(x=old), statistics(x=new), 0.999)) == []
    many = np.where(np.arange(6000) % 10 == 0, "new", old)
    assert [name for name, _ in strangers(statistics(x=old), statistics(x=many), 0.95)] == ["x"]


def copied(column: object, label: np.ndarray, old: object | None = None) -> list[str]:
    before = numbers(len(label)) if old is None else old
    now = statistics(x=column, y=label)
    return list(copies(statistics(x=before, y=label), [now, now], "y"))


def test_a_copy_of_the_label_is_told_in_any_scale_and_as_text() -> None:
    label = (np.arange(1000) % 3 == 0).astype(np.int64)
    assert copied(label.astype(float), label) == ["x"]
    assert copied(7.5 - 2.5 * label, label) == ["x"]
    colours = np.resize(["a", "b", "c", "d"], 1000)
    assert copied(np.where(label == 1, "a", "b"), label, colours) == ["x"]
    price = np.random.default_rng(0).lognormal(size=1000)
    assert copied(price * 3 + 1, price) == ["x"]


def test_a_column_of_its_own_or_one_that_always_was_so_is_no_copy() -> None:
    label = (np.arange(1000) % 3 == 0).astype(np.int64)
    assert copied(numbers(), label) == []
    assert copied(label.astype(float), label, old=label.astype(float)) == []
    one_more = label.copy()
    one_more[1] = 1
    assert copied(one_more.astype(float), label) == []
    price = np.random.default_rng(0).lognormal(size=1000)
    assert copied(np.sort(price) ** 1.1, price) == []


def test_what_broke_stops_the_run_except_where_time_goes_on() -> None:
    label = np.resize([0, 0, 1], 1000)
    old = statistics(x=numbers(), y=label)
    new = statistics(x=numbers() * 1000, y=label)
    splits = {"train": new, "eval": new}
    (error,) = examine({}, splits, old, CHECK, "y").errors
    assert re.match(r"column 'x': 9\d% of the numbers lie at \d+ and further out", error)
    assert examine({}, splits, old, CHECK, "y", "x").errors == ()
    assert examine({}, splits, None, CHECK, "y").errors == ()


def test_texts_neither_drift_nor_break() -> None:
    old = statistics(x=[f"old {number}" for number in range(500)] * 2, y=["a", "b"] * 500)
    new = statistics(x=["new"] * 1000, y=["c"] * 1000)
    splits = {"train": new, "eval": new}
    check = {**CHECK, "drift": {"skew": 0.1, "drift": 0.1}}
    assert len(examine({}, splits, old, check, "y").errors) >= 2
    found = examine({}, splits, old, {**check, "texts": ["x", "y"]}, "y")
    assert (found.errors, found.drift) == ((), ())
