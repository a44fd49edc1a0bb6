from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.parsing import to_epoch_seconds, to_float, to_index, to_text
from trainer.errors import TandemError

NULLS = ("", "NA")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("2013-01-01 05:00", 1_357_016_400),
        ("2013-01-01T05:00:15", 1_357_016_415),
        ("2013-01-01T05:00:00Z", 1_357_016_400),
        ("2013-01-01T05:00:00+01:00", 1_357_012_800),
        ("2013-01-01 05:00:00-0330", 1_357_029_000),
        ("2013-01-01T05:00:00.987654321", 1_357_016_400),
        ("1969-12-31T23:59:59.5", -1),
        ("1357016400", 1_357_016_400),
        ("1357016400.9", 1_357_016_400),
        ("-0.5", -1),
        ("20130131", 1_359_590_400),
        ("20130131.0", 1_359_590_400),
        ("2013", 1_356_998_400),
        ("201301", 201_301),
        ("020130131", 20_130_131),
        (" 1970-01-02 ", 86_400),
        ("0001-01-01", -62_135_596_800),
        ("9999-12-31T23:59:59", 253_402_300_799),
    ],
)
def test_a_time_in_any_notation_is_utc_epoch_seconds(text: str, seconds: int) -> None:
    values, bad = to_epoch_seconds(pa.array([text, "NA", "2000-01-01"]), NULLS, "at")
    assert values.to_pylist() == [seconds, None, 946_684_800]
    assert not bad.any()


@pytest.mark.parametrize(
    "text",
    [
        "2013-02-30",
        "soon",
        "2013-01-01T24:00:00",
        "05:00",
        "1357016400000",
        "13-1-1",
        "2013-01-01T05:00+25",
        "20130230",
        "10000000",
        "0000",
    ],
)
def test_what_is_no_time_is_masked_and_milliseconds_are_refused(text: str) -> None:
    values, bad = to_epoch_seconds(pa.array(["2000-01-01", text]), NULLS, "at")
    assert values.to_pylist() == [946_684_800, None]
    assert bad.tolist() == [False, True]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([datetime.datetime(1970, 1, 1, 0, 0, 1, 999_999)], pa.timestamp("us")),
        pa.array([1_999_999_999], pa.timestamp("ns")),
        pa.array([1], pa.timestamp("s", "Europe/Vienna")),
        pa.array([1_999], pa.timestamp("ms", "UTC")),
        pa.array([1], pa.int32()),
        pa.array([1.5], pa.float64()),
        pa.array(["1"]).dictionary_encode(),
    ],
)
def test_typed_times_are_rounded_down_to_seconds(array: pa.Array) -> None:
    values, bad = to_epoch_seconds(array, (), "at")
    assert values.to_pylist() == [1]
    assert not bad.any()


def test_integers_are_read_as_their_digits_would_be() -> None:
    values, bad = to_epoch_seconds(pa.array([20130131, 2013, 5, 1_357_016_400, 20130230, None]), (), "at")
    assert values.to_pylist() == [1_359_590_400, 1_356_998_400, 5, 1_357_016_400, None, None]
    assert bad.tolist() == [False] * 4 + [True, False]


def test_dates_are_midnight_utc() -> None:
    values, _ = to_epoch_seconds(pa.array([datetime.date(1970, 1, 3), None]), (), "at")
    assert values.to_pylist() == [172_800, None]


@given(st.datetimes(min_value=datetime.datetime(1, 1, 1), max_value=datetime.datetime(9999, 12, 31)))
@settings(max_examples=50, deadline=None)
def test_times_agree_with_the_standard_library(moment: datetime.datetime) -> None:
    values, bad = to_epoch_seconds(pa.array([moment.isoformat()]), (), "at")
    expected = (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    assert (values.to_pylist(), bad.tolist()) == ([expected], [False])


def test_numbers_keep_missing_apart_from_bad() -> None:
    texts = ["1.5", " +2 ", "", "NA", "nan", "x", "inf", "1e999", "0x10", "1,5", None]
    values, bad = to_float(pa.array(texts), NULLS, "size")
    assert values.to_pylist() == [1.5, 2.0, *[None] * 9]
    assert [text for text, wrong in zip(texts, bad, strict=True) if wrong] == [
        "x",
        "inf",
        "1e999",
        "0x10",
        "1,5",
    ]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([True, False, None]),
        pa.array([1, 0, None], pa.int64()),
        pa.array([1.0, 0.0, float("nan")], pa.float64()),
        pa.array([decimal.Decimal("1.00"), decimal.Decimal("0.00"), None]),
        pa.array(["1", "0", None]).dictionary_encode(),
        pa.array([b"1", b"0", b""], pa.large_binary()),
    ],
)
def test_numbers_of_every_type(array: pa.Array) -> None:
    values, bad = to_float(array, (), "size")
    assert values.to_pylist() == [1.0, 0.0, None]
    assert not bad.any()


@given(st.lists(st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False)), min_size=1))
@settings(max_examples=50, deadline=None)
def test_float32_text_reads_back_exactly(numbers: list[float | None]) -> None:
    texts = [None if number is None else repr(np.float32(number).item()) for number in numbers]
    values, bad = to_float(pa.array(texts, pa.string()), (), "size")
    assert values.to_pylist() == numbers
    assert not bad.any()


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([True, False, None]), [b"true", b"false", None]),
        (pa.array([7, -1, None]), [b"7", b"-1", None]),
        (pa.array([1.0, 0.5, float("nan")]), [b"1", b"0.5", None]),
        (pa.array(["a", "", "NA"]), [b"a", None, None]),
        (pa.array([b"\xff", b"x"]), [b"\xff", b"x"]),
        (pa.array([b"\xff", b"x"], pa.binary(1)), [b"\xff", b"x"]),
        (pa.array(np.array([0.5, np.nan], np.float16)), [b"0.5", None]),
        (pa.array(["a", None, "b"]).dictionary_encode(), [b"a", None, b"b"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_text_of_every_type(array: pa.Array, texts: list[bytes | None]) -> None:
    assert to_text(array, NULLS, "color").to_pylist() == texts


def test_a_class_named_like_a_missing_value_is_a_class() -> None:
    values, bad = to_index(pa.array(["NA", "mild", "", "other", None]), ["NA", "mild"], NULLS, "y")
    assert values.to_pylist() == [0, 1, None, None, None]
    assert bad.tolist() == [False, False, False, True, False]


@pytest.mark.parametrize("convert", [to_text, to_float, to_epoch_seconds])
def test_lists_are_refused_by_column_name(convert: object) -> None:
    with pytest.raises(TandemError, match="`color`") as caught:
        convert(pa.array([[1], [2]]), (), "color")  # type: ignore[operator]
    assert caught.value.code == "INGEST-010"
