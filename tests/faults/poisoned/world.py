"""Rows with a known truth, and their statistics without a pipeline."""

from __future__ import annotations

from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import numpy as np
import pandas as pd
import tensorflow_data_validation as tfdv

from components.check.core import Findings, examine
from components.check.drift import QUANTILES
from components.schema.core import infer

ROWS = 4000
SHOPS = 150
LABEL, TIME = "late", "at"
CHECK = {
    "drift": {"skew": None, "drift": None},
    "min_rows": 10,
    "outlier_iqr": 20.0,
    "breaks": True,
    "min_domain_mass": 0.95,
    "max_missing_increase": 0.1,
}
STORAGE = {"at": "int64", "size": "float", "price": "float", "visits": "float", "flag": "string"} | {
    "colour": "string", "shop": "string", "late": "int64"
}  # fmt: skip
_OPTIONS = tfdv.StatsOptions(num_quantiles_histogram_buckets=QUANTILES)


def truth(frame: pd.DataFrame) -> np.ndarray:
    """Probability of each row's label `1`, from the columns before they are poisoned."""
    logit = (
        -1.4
        + 1.2 * frame["size"]
        + 0.9 * np.log(frame["price"] / 20)
        + 1.1 * (frame["colour"] == "red")
        + 0.8 * (frame["shop"].str[1:].astype(int) % 3 == 0)
    )
    return (1 / (1 + np.exp(-logit))).to_numpy()


def rows(seed: int, count: int = ROWS, day: int = 0) -> pd.DataFrame:
    """Rows of ten days from `day` on, in the order of time."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, 10 * 86_400, count)) + day * 86_400
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime("2024-03-01") + pd.to_timedelta(seconds, "s"),
            "size": rng.normal(size=count).round(4),
            "price": rng.lognormal(3, 0.6, count).round(2),
            "visits": np.where(rng.random(count) < 0.3, rng.geometric(0.2, count), 0).astype(float),
            "flag": rng.choice(["no", "yes"], count),
            "colour": rng.choice(["red", "green", "blue", "grey"], count, p=[0.4, 0.3, 0.2, 0.1]),
            "shop": [f"s{number}" for number in np.minimum(rng.geometric(0.02, count), SHOPS)],
        }
    )
    frame["late"] = (rng.random(count) < truth(frame)).astype(int)
    return frame


def split(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The newest fifth is `eval`, as in the project."""
    cut = len(frame) * 4 // 5
    return {"train": frame.iloc[:cut], "eval": frame.iloc[cut:]}


def statistics(frame: pd.DataFrame) -> Any:
    """Those of the stock step."""
    stored = {
        name: (frame[name].astype("int64") // 10**9 if name == TIME else frame[name])
        for name in frame.columns
    }
    types = {"float": np.float32, "int64": np.int64}
    made = {name: values.astype(types.get(STORAGE[name], values.dtype)) for name, values in stored.items()}
    return tfdv.generate_statistics_from_dataframe(
        pd.DataFrame(made).reset_index(drop=True), stats_options=_OPTIONS
    )


class Kept:
    """What a clean run leaves, its schema and statistics, under the limits of `check`."""

    def __init__(self, frame: pd.DataFrame, check: dict[str, Any] = CHECK) -> None:
        self._check = check
        self.previous = statistics(split(frame)["train"])
        self.schema = infer(
            self.previous, STORAGE, LABEL, check["min_domain_mass"], check["max_missing_increase"]
        )

    def examine(self, frame: pd.DataFrame, **check: Any) -> Findings:
        """Statistics, validation and check of a later run, without the launcher."""
        found = {name: statistics(part) for name, part in split(frame).items()}
        anomalies = {name: tfdv.validate_statistics(made, self.schema) for name, made in found.items()}
        return examine(anomalies, found, self.previous, self._check | check, LABEL, TIME)
