"""The variant with delays of earlier flights: as of the scheduled departure, and nothing later."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FILE = Path(__file__).parents[3] / "examples" / "flights" / "variants" / "rows.py"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("flights_rows", FILE)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def day(*flights):
    """Rows of one day: minute of departure, plane, destination, block minutes, delays at both ends."""
    names = ["minute", "tail_number", "destination", "block_minutes", "dep_delay", "arr_delay"]
    table = pd.DataFrame(flights, columns=names)
    start = pd.Timestamp("2013-05-01T10:00Z")
    table["departure"] = start + pd.to_timedelta(table.pop("minute"), unit="min")
    return table.assign(origin="JFK", carrier="AA", date="2013-05-01")


def known(module, table):
    return module.known(table, table["dep_delay"], table["arr_delay"])


def test_a_departure_counts_from_the_minute_after_it_happened(module):
    table = day(
        (0, "A", "BOS", 60.0, 30.0, 20.0),
        (30, "B", "LAX", 300.0, 0.0, 0.0),
        (31, "C", "LAX", 300.0, 0.0, 0.0),
    )
    found = known(module, table)["known_delay_1h"]
    assert np.isnan(found[1])
    assert found[2] == pytest.approx((30 + 0) / 2)


def test_a_flight_past_its_time_at_the_gate_is_waiting(module):
    table = day(
        (0, "A", "BOS", 60.0, 30.0, 20.0),
        (5, "B", "BOS", 60.0, np.nan, np.nan),
        (20, "C", "LAX", 300.0, 0.0, 0.0),
        (40, "D", "LAX", 300.0, 0.0, 0.0),
        (190, "E", "LAX", 300.0, 0.0, 0.0),
    )
    assert known(module, table)["known_waiting"].tolist() == [0, 1, 2, 1, 0]


def test_arrivals_count_at_the_destination_once_landed(module):
    table = day(
        (0, "A", "BOS", 60.0, 0.0, 25.0), (85, "B", "BOS", 60.0, 0.0, 0.0), (86, "C", "BOS", 60.0, 0.0, 0.0)
    )
    found = known(module, table)["known_destination_delay"]
    assert np.isnan(found[1])
    assert found[2] == 25


def test_the_delay_of_the_plane_before(module):
    table = day(
        (0, "A", "BOS", 60.0, 40.0, 45.0),
        (100, "A", "BOS", 60.0, 0.0, 0.0),
        (120, "B", "BOS", 60.0, 0.0, 0.0),
    )
    found = known(module, table)
    assert found["known_plane_departure"][1] == 40
    assert np.isnan(found["known_plane_arrival"][1])
    assert np.isnan(found["known_plane_departure"][2])


@pytest.mark.parametrize("minute", [600, 700, 1000])
def test_what_happens_from_then_on_changes_no_row_before(module, minute):
    rng = np.random.default_rng(minute)
    rows = 300
    flights = [
        (
            m,
            rng.choice(list("ABCDEFGH")),
            rng.choice(["BOS", "LAX"]),
            60.0,
            rng.integers(-10, 120),
            rng.integers(-20, 120),
        )
        for m in sorted(rng.integers(0, 1200, rows).tolist())
    ]
    table = day(*flights)
    scheduled = (table["departure"] - pd.Timestamp("2013-05-01T10:00Z")) / pd.Timedelta(minutes=1)
    left, landed = scheduled + table["dep_delay"], scheduled + 60 + table["arr_delay"]
    changed = table.copy()
    changed.loc[left >= minute, "dep_delay"] += 2000
    changed.loc[landed >= minute, "arr_delay"] += 2000
    before = scheduled <= minute
    assert 0 < before.sum() < rows
    pd.testing.assert_frame_equal(known(module, changed)[before], known(module, table)[before])
