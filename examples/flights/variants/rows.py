"""The rows of the main example, and the same with the delays that earlier flights have shown by then.

A departure or an arrival counts from the minute it happened: a flight that is still at its gate tells
only that it has not left. Nothing of the flight itself is used.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

MAIN = Path(__file__).resolve().parents[1] / "prepare.py"
LONG_HOURS = 3


def _main() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flights_prepare", MAIN)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"expected the prepare step of the main example. Received: {MAIN}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs() -> list[Path]:
    """The files of the main example, and its prepare step."""
    return [*_main().inputs(), MAIN]


def main(output_dir: Path) -> None:
    """Writes the rows of the main example."""
    _main().prepare(output_dir)


def known_delays(output_dir: Path) -> None:
    """Writes the rows of the main example with the columns of `known`."""
    flights_example = _main()
    table = flights_example.rows()
    key = flights_example.KEY
    flights = pd.read_csv(flights_example.inputs()[0])
    happened = pd.DataFrame(
        {
            "departure": pd.to_datetime(flights["time_hour"])
            + pd.to_timedelta(flights["minute"], unit="min"),
            "carrier": flights["carrier"],
            "flight": flights["carrier"] + flights["flight"].astype(str),
            "origin": flights["origin"],
            "dep_delay": flights["dep_delay"],
            "arr_delay": flights["arr_delay"],
        }
    )
    happened = table[key].merge(happened, on=key, how="left", validate="one_to_one")
    table = table.join(known(table, happened["dep_delay"], happened["arr_delay"]))
    table.to_parquet(Path(output_dir) / "flights.parquet", index=False)


def known(table: pd.DataFrame, dep_delay: pd.Series, arr_delay: pd.Series) -> pd.DataFrame:
    """Delays of earlier flights of the airport, the carrier, the destination and the plane, in minutes.

    Args:
        table: rows of the main example.
        dep_delay: minutes, of the same rows; missing if the flight never left.
        arr_delay: minutes, of the same rows; missing if it never arrived.
    """
    now = (table["departure"] - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(minutes=1)
    left = now + dep_delay
    landed = now + table["block_minutes"] + arr_delay
    carrier = table["origin"] + table["carrier"]
    gone = np.minimum(np.maximum(left.fillna(np.inf), now), now + 60 * LONG_HOURS)
    waiting = count_before(table["origin"], now, now) - count_before(table["origin"], gone, now)
    return pd.DataFrame(
        {
            "known_delay_1h": recent_mean(table["origin"], left, dep_delay, now, 1),
            "known_delay_3h": recent_mean(table["origin"], left, dep_delay, now, LONG_HOURS),
            "known_carrier_delay": recent_mean(carrier, left, dep_delay, now, LONG_HOURS),
            "known_destination_delay": recent_mean(table["destination"], landed, arr_delay, now, LONG_HOURS),
            "known_waiting": waiting,
            **of_plane(table, now, left, landed, dep_delay, arr_delay),
        }
    )


def count_before(place: pd.Series, event: pd.Series, now: pd.Series) -> pd.Series:
    """Number of events at the same place before `now`."""
    counts = np.zeros(len(now))
    for rows in place.groupby(place).indices.values():
        counts[rows] = np.searchsorted(np.sort(event.to_numpy()[rows]), now.to_numpy()[rows])
    return pd.Series(counts, index=now.index)


def recent_mean(
    place: pd.Series, event: pd.Series, value: pd.Series, now: pd.Series, hours: int
) -> pd.Series:
    """Mean of `value` over the events at the same place in `[now - hours, now)`; missing without any."""
    means = np.full(len(now), np.nan)
    times, values, moments = event.to_numpy(), value.to_numpy(), now.to_numpy()
    for rows in place.groupby(place).indices.values():
        happened = rows[~np.isnan(times[rows])]
        order = happened[np.argsort(times[happened], kind="stable")]
        sums = np.concatenate([[0.0], np.cumsum(values[order])])
        first = np.searchsorted(times[order], moments[rows] - 60 * hours)
        last = np.searchsorted(times[order], moments[rows])
        with np.errstate(invalid="ignore"):
            means[rows] = (sums[last] - sums[first]) / (last - first)
    return pd.Series(means, index=now.index)


def of_plane(
    table: pd.DataFrame,
    now: pd.Series,
    left: pd.Series,
    landed: pd.Series,
    dep_delay: pd.Series,
    arr_delay: pd.Series,
) -> dict[str, pd.Series]:
    """Delays of the plane's flight before this one on the same day, where they were known by now."""
    events = pd.DataFrame({"left": left, "landed": landed, "dep_delay": dep_delay, "arr_delay": arr_delay})
    flown = events[table["tail_number"].notna()]
    before = flown.groupby([table["tail_number"], table["date"]]).shift().reindex(table.index)
    return {
        "known_plane_departure": before["dep_delay"].where(before["left"] < now),
        "known_plane_arrival": before["arr_delay"].where(before["landed"] < now),
    }
