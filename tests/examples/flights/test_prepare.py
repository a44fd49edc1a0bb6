"""The flights example: the rows, the label, and nothing that is only known after departure."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "flights"
FORBIDDEN = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "plane_built"}


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("flights_prepare", FOLDER / "prepare.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def source(module):
    flights, weather, planes, airports = (pd.read_csv(path) for path in module.inputs())
    return {"flights": flights, "weather": weather, "planes": planes, "airports": airports}


@pytest.fixture(scope="module")
def table(module, tmp_path_factory):
    output = tmp_path_factory.mktemp("flights")
    module.prepare(output)
    files = list(output.iterdir())
    assert [file.name for file in files] == ["flights.parquet"]
    return pd.read_parquet(files[0])


def row(table, when, flight):
    (found,) = table[(table["departure"] == pd.Timestamp(when, tz="UTC")) & (table["flight"] == flight)].index
    return table.loc[found]


def test_rows_and_label_match_the_published_counts(table):
    assert len(table) == 336_776
    assert table["late"].notna().sum() == 327_346
    assert table["late"].mean() == pytest.approx(0.2371, abs=5e-4)
    monthly = table.groupby("month")["late"].mean().tolist()
    published = [0.227, 0.230, 0.228, 0.279, 0.220, 0.308, 0.315, 0.238, 0.132, 0.168, 0.174, 0.326]
    assert monthly == pytest.approx(published, abs=0.001)


def test_the_split_at_october_local_time_has_the_published_sizes(table):
    labelled = table[table["late"].notna()]
    before = labelled["departure"] < pd.Timestamp("2013-10-01T00:00:00-04:00")
    assert (before.sum(), (~before).sum()) == (244_737, 82_609)


def test_no_column_tells_what_happened_after_departure(table):
    assert not FORBIDDEN & set(table.columns)
    late = table["late"].astype(float)
    numbers = table.drop(columns="late").select_dtypes("number")
    assert numbers.corrwith(late).abs().max() < 0.3


def test_outcomes_of_flights_change_nothing_but_the_label(module, source, table):
    flights = source["flights"].copy()
    for column in module.OUTCOMES:
        flights[column] = flights[column].to_numpy()[::-1]
    again = module.schedule(flights, source["airports"])
    again = again.sort_values(module.KEY, kind="stable", ignore_index=True).drop(columns="slot")
    pd.testing.assert_frame_equal(again, table[list(again.columns)])


def test_weather_is_of_the_hour_before(source, table):
    # UA1545 leaves Newark on 1 January at 5:15, slot 10:00 UTC: the report of 9:00 UTC counts.
    weather = source["weather"]
    before = weather[(weather["origin"] == "EWR") & (weather["time_hour"] == "2013-01-01T09:00:00Z")].iloc[0]
    same_hour = weather[(weather["origin"] == "EWR") & (weather["time_hour"] == "2013-01-01T10:00:00Z")].iloc[
        0
    ]
    found = row(table, "2013-01-01T10:15", "UA1545")
    assert before["temp"] != same_hour["temp"]
    assert (found["temperature"], found["humidity"]) == (before["temp"], before["humid"])


def test_weather_sums_end_at_the_hour_before(source, table):
    weather = source["weather"]
    wet = weather[(weather["origin"] == "JFK") & (weather["precip"] > 0)].iloc[40]
    slot = pd.Timestamp(wet["time_hour"]) + pd.Timedelta(hours=1)
    at_jfk = (table["origin"] == "JFK") & (table["departure"].dt.floor("h") == slot)
    hours = pd.to_datetime(weather["time_hour"])
    window = (weather["origin"] == "JFK") & (hours < slot) & (hours >= slot - pd.Timedelta(hours=3))
    assert at_jfk.any()
    assert table.loc[at_jfk, "precipitation_3h"].to_numpy() == pytest.approx(
        weather.loc[window, "precip"].sum()
    )


def test_share_of_flights_with_weather_and_plane(table):
    assert table["temperature"].notna().mean() == pytest.approx(0.996, abs=0.001)
    assert table["plane_type"].isna().mean() == pytest.approx(0.156, abs=0.001)


def test_slot_counts_scheduled_flights_cancelled_ones_included(source, table):
    flights = source["flights"]
    hour = flights[(flights["time_hour"] == "2013-02-08T20:00:00Z") & (flights["origin"] == "LGA")]
    assert hour["dep_time"].isna().any()
    same = table[(table["origin"] == "LGA") & (table["departure"].dt.floor("h") == "2013-02-08T20:00:00Z")]
    assert set(same["n_slot"]) == {len(hour)}


def test_block_time_counts_the_time_zones(table):
    # 5:15 in New York to 8:19 in Houston, an hour behind.
    assert row(table, "2013-01-01T10:15", "UA1545")["block_minutes"] == 244


def test_turn_follows_the_plane_within_the_day(table):
    plane = table[(table["tail_number"] == "N14228") & (table["date"] == "2013-01-08")]
    days = table.dropna(subset=["turn_minutes"])
    assert (table.loc[table["leg"] == 1, "turn_minutes"].isna()).all()
    assert (days["turn_minutes"] >= 0).all()
    assert plane["leg"].tolist() == list(range(1, len(plane) + 1))


def test_the_same_file_is_written_again(module, table, tmp_path):
    module.prepare(tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "flights.parquet"), table)
