"""Numbers, durations and times as people read them."""

from __future__ import annotations

import doctest
import math
from typing import Any

import pytest

from pipeline.report import comparison, formats, page, svg


@pytest.mark.parametrize("module", [comparison, formats, page, svg])
def test_examples_in_docstrings_hold(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0000"), (-0.00052, "−0.0005"), (12.345, "12.35"), (1234567, "1,234,567"), (5.96e-8, "5.96e−08")]
    + [(value, "–") for value in (None, math.nan, math.inf, True, "0.5")],
)
def test_numbers(value: Any, text: str) -> None:
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(7.0, "7"), (0.25, "0.25"), (10.5, "10.5"), (-3, "−3"), ("text", "text"), (None, "–")]
)
def test_plain_numbers(value: Any, text: str) -> None:
    assert formats.plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123, "0.12 s"),
        (9.999, "10.0 s"),
        (59.96, "1 min 00 s"),
        (252.4, "4 min 12 s"),
        (7500, "2 h 05 min"),
        (-1, "–"),
    ],
)
def test_durations(value: float, text: str) -> None:
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3198, "0.32 ms"),
        (1.9844, "1.98 ms"),
        (12.34, "12.3 ms"),
        (999.4, "999 ms"),
        (1500, "1.50 s"),
        (None, "–"),
        (-1, "–"),
    ],
)
def test_latencies(value: Any, text: str) -> None:
    assert formats.milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (700 << 20, "700 MiB"), (3 << 50, "3072.0 TiB")],
)
def test_sizes(value: int, text: str) -> None:
    assert formats.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-01-14T09:30:12+00:00", "14 Jan 2026, 09:30 UTC"),
        ("2026-01-14T09:30:12+02:00", "14 Jan 2026, 07:30 UTC"),
        ("2026-01-14T09:30:12", "14 Jan 2026, 09:30"),
        (0, "1 Jan 1970, 00:00 UTC"),
        (1e30, "1e+30"),
        ("yesterday", "yesterday"),
        (None, "–"),
    ],
)
def test_times(value: Any, text: str) -> None:
    assert formats.moment(value) == text


def test_error_codes_stay_whole_and_the_rest_is_escaped() -> None:
    assert formats.whole_codes("<b> DATA-001") == '&lt;b&gt; <span class="whole">DATA-001</span>'


def test_slices_are_named_by_their_columns() -> None:
    assert formats.slice_name({"origin": "JFK", "carrier": "B6"}) == "origin=JFK, carrier=B6"
    assert formats.slice_name({}) == formats.slice_name(None) == "overall"
