"""Pairs are suggested for what they add, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.init.crosses import suggest


def _columns(rows: int, seed: int, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    dice = np.random.default_rng(seed)
    return {name: dice.integers(0, size, rows) for name, size in sizes.items()}


@pytest.mark.parametrize("classes", [True, False])
def test_an_exclusive_or_is_found_and_nothing_else(classes: bool) -> None:
    columns = _columns(6000, 1, {"a": 2, "b": 2, "c": 4, "d": 9})
    odd = columns["a"] ^ columns["b"]
    noise = np.random.default_rng(2).random(6000)
    outputs = (noise < 0.3 + 0.4 * odd).astype(float) if classes else odd + noise
    found = suggest(columns, {}, outputs[:, None], classes, ordered=False)
    assert [set(cross.columns) for cross in found] == [{"a", "b"}]
    assert found[0].gain > 0.05
    assert found[0].cells == 4


def test_columns_that_add_up_give_no_cross() -> None:
    columns = _columns(20_000, 3, {"a": 5, "b": 6, "c": 3})
    score = columns["a"] * 0.4 - columns["b"] * 0.3
    outputs = (np.random.default_rng(4).random(20_000) < 1 / (1 + np.exp(-score))).astype(float)
    assert suggest(columns, {}, outputs[:, None], True, ordered=False) == []


def test_noise_gives_no_cross_whatever_the_number_of_values() -> None:
    columns = _columns(5000, 5, {f"c{i}": 3 + 7 * i for i in range(12)})
    outputs = np.random.default_rng(6).integers(0, 2, (5000, 1)).astype(float)
    assert suggest(columns, {}, outputs, True, ordered=False) == []


def test_what_holds_for_a_short_while_is_no_pattern() -> None:
    columns = _columns(6000, 7, {"a": 2, "b": 2}) | {"day": np.arange(6000) // 100}
    flipped = np.random.default_rng(12).integers(0, 2, 60)[columns["day"]]
    odd = columns["a"] ^ flipped
    outputs = (np.random.default_rng(8).random(6000) < 0.2 + 0.6 * odd).astype(float)[:, None]
    found = suggest(columns, {}, outputs, True, ordered=False)
    assert [set(cross.columns) for cross in found] == [{"a", "day"}]
    assert suggest(columns, {}, outputs, True, ordered=True) == []


def test_few_rows_give_no_cross() -> None:
    columns = _columns(500, 9, {"a": 2, "b": 2})
    outputs = (columns["a"] ^ columns["b"]).astype(float)[:, None]
    assert suggest(columns, {}, outputs, True, ordered=False) == []


def test_several_crosses_come_best_first_without_repeating_one_finding() -> None:
    columns = _columns(20_000, 10, {"a": 2, "b": 2, "c": 3, "d": 3})
    columns["a2"] = columns["a"].copy()
    first, second = columns["a"] ^ columns["b"], (columns["c"] + columns["d"]) % 3 == 0
    outputs = (np.random.default_rng(11).random(20_000) < 0.2 + 0.4 * first + 0.2 * second).astype(float)
    found = suggest(columns, {}, outputs[:, None], True, ordered=False)
    assert [bool({"c", "d"} & set(cross.columns)) for cross in found] == [False, True]
