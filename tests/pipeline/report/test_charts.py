"""Charts: hand-worked positions, nothing lost, everything escaped."""

from __future__ import annotations

import re

import pytest

from pipeline.report import charts, svg


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.0, 1.0, 5, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 100.0, 4, [0.0, 25.0, 50.0, 75.0, 100.0]),
        (-1.0, 1.0, 4, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (5.0, 5.0, 4, [5.0]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, expected: list[float]) -> None:
    assert svg.ticks(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize("high", [1e-9, 0.37, 3.0, 812.0, 4.4e12])
def test_ticks_lie_inside_and_are_few(high: float) -> None:
    found = svg.ticks(0.0, high, 5)
    assert 2 <= len(found) <= 6
    assert all(0 <= tick <= high * (1 + 1e-9) for tick in found)


def test_attributes_and_text_are_escaped() -> None:
    made = svg.element("text", "<b>", class_='"x"')
    assert made == '<text class="&#34;x&#34;">&lt;b&gt;</text>'


def test_a_line_runs_from_corner_to_corner() -> None:
    series = charts.Series("loss", "candidate", ((0.0, 1.0), (10.0, 0.0)))
    drawn = charts.line_chart("k", "Loss", "falls", [series], "step", from_zero=True)
    path = re.search(r'd="M([^"]*)"', drawn)
    assert path is not None
    # The vertical axis is widened by 8% above, so 1 lies a little under the top.
    assert path.group(1) == "0 7.41L100 100"


def test_thinning_keeps_ends_and_spikes() -> None:
    points = [(float(index), 0.0) for index in range(10_000)]
    points[4321] = (4321.0, 9.0)
    points[7000] = (7000.0, -9.0)
    kept = charts.thinned(points, 300)
    assert len(kept) <= 310
    assert {points[0], points[-1], points[4321], points[7000]} <= set(kept)
    assert kept == sorted(kept)


def test_short_series_are_not_thinned() -> None:
    assert charts.thinned([(1.0, 2.0), (0.0, 1.0)]) == [(1.0, 2.0), (0.0, 1.0)]


def test_columns_are_as_high_as_their_counts() -> None:
    path = str(svg.columns_path([1, 4, 0, 2], "fill", gap=0.0))
    assert 'd="M0 100v-25h25V100zM25 100v-100h25V100zM75 100v-50h25V100z"' in path


def test_columns_of_few_rows_keep_a_foot_and_interpolated_traces_of_none_do_not() -> None:
    path = str(svg.columns_path([1000, 1, 0.033], "fill", gap=0.0))
    heights = [float(height) for height in re.findall(r"v-([0-9.]+)h", path)]
    assert heights == [100.0, 2.5, 0.0]


def test_counts_of_two_models_are_drawn_to_one_scale() -> None:
    drawn = charts.histogram("k", "t", "d", [2, 1], "0", "1", baseline=[4, 0])
    # The greatest count of both, 4, is as high as the chart: 2 and 1 are a half and a quarter of it.
    assert re.findall(r"v-([0-9.]+)h", drawn) == ["50", "25"]
    assert 'd="M0 100V0h50V100h50V100"' in drawn


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 0.2, 0.4], ["0", "0.2", "0.4"]),
        ([0.706, 0.70605, 0.7061], ["0.706", "0.70605", "0.7061"]),
        ([0.99975, 1.0, 1.00025], ["0.99975", "1", "1.00025"]),
        ([-5000.0, 0.0, 5000.0], ["−5000", "0", "5000"]),
        ([20000.0, 40000.0], ["20k", "40k"]),
        ([1_000_000.0, 1_000_050.0], ["1M", "1.00005M"]),
        ([0.3], ["0.3"]),
        ([], []),
    ],
)
def test_no_two_ticks_read_alike(values: list[float], labels: list[str]) -> None:
    assert svg.tick_labels(values) == labels


def test_a_full_scale_is_not_left_by_values_outside() -> None:
    assert [svg.percent(value) for value in (-0.5, 0.0, 0.123456, 1.7)] == ["0%", "0%", "12.35%", "100%"]


def test_a_bar_shows_its_limit() -> None:
    drawn = charts.bar(0.25, "prior", 0.5)
    assert 'width="25%"' in drawn
    assert 'x1="50%"' in drawn


def test_a_prediction_stands_against_what_was_observed() -> None:
    series = charts.Series("candidate", "candidate", ((0.2, 0.1), (0.8, 0.8)))
    drawn = charts.reliability_chart("k", "t", "d", [series], "x", unit=True)
    assert re.findall(r'cx="([^"]*)" cy="([^"]*)"', drawn) == [("20%", "90%"), ("80%", "20%")]


def test_a_dot_row_without_values_draws_no_dot() -> None:
    drawn = charts.dot_row(charts.Scale(0, 1), charts.Dot(None), charts.Dot(None), None)
    assert "circle" not in drawn
    assert "path" not in drawn


def test_charts_without_points_are_empty() -> None:
    none = charts.Series("loss", "candidate", ())
    assert charts.line_chart("k", "t", "d", [none], "step") == ""
    assert charts.reliability_chart("k", "t", "d", [none], "x", unit=True) == ""
    assert charts.histogram("k", "t", "d", [], "0", "1") == ""
