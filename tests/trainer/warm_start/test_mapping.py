"""Rows that mean the same, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.warm_start import Inputs, Rows
from trainer.warm_start.mapping import match_column, match_inputs


def rows(size: int, vocabulary: str | None = "carrier", **changes: Any) -> Rows:
    values = {"part": "wide", "column": "carrier", "table": "wide/table", "offset": 0, "dim": 1}
    return Rows(**{**values, "size": size, "vocabulary": vocabulary, **changes})


def pairs(new: Rows, old: Rows | None, now: Inputs, then: Inputs) -> list[tuple[int, int]]:
    match = match_column(new, old, now, then)
    return list(zip(match.new.tolist(), match.old.tolist(), strict=True))


def test_tokens_are_found_again_wherever_they_moved_and_the_last_id_is_the_missing_value() -> None:
    then, now = Inputs({"carrier": ["AA", "UA", "DL"]}), Inputs({"carrier": ["DL", "new", "AA", "B6"]})
    # Old: AA UA DL unknown unknown missing; new: DL new AA B6 unknown unknown missing.
    assert pairs(rows(7), rows(6), now, then) == [(0, 2), (2, 0), (4, 3), (5, 4), (6, 5)]


def test_another_number_of_unknown_buckets_leaves_them_fresh() -> None:
    then, now = Inputs({"carrier": ["AA", "UA"]}), Inputs({"carrier": ["UA", "AA"]})
    assert pairs(rows(5), rows(4), now, then) == [(0, 1), (1, 0), (4, 3)]


def test_a_vocabulary_that_became_empty_keeps_unknown_and_missing() -> None:
    then, now = Inputs({"carrier": ["AA"]}), Inputs({"carrier": []})
    assert pairs(rows(2), rows(3), now, then) == [(0, 1), (1, 2)]


def test_hashed_ids_go_by_position_if_size_and_making_are_the_same() -> None:
    then, now = Inputs(encodings={"carrier": "text in 3"}), Inputs(encodings={"carrier": "text in 3"})
    assert pairs(rows(3, None), rows(3, None), now, then) == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("new", "old", "encoding", "reason"),
    [
        (rows(4, None), rows(3, None), "a", "size changed from 3 to 4"),
        (rows(3, None), rows(3, None), "b", "made in another way"),
        (rows(3), rows(3, None), "a", "made in another way"),
        (rows(3, None), rows(3), "a", "made in another way"),
        (rows(3), None, "a", "a new column"),
        (rows(3, "other"), rows(3), "a", "tokens are not known"),
    ],
)
def test_what_means_something_else_is_not_taken(
    new: Rows, old: Rows | None, encoding: str, reason: str
) -> None:
    tokens = {"carrier": ["AA"]}
    match = match_column(new, old, Inputs(tokens, {"carrier": encoding}), Inputs(tokens, {"carrier": "a"}))
    assert len(match.new) == len(match.old) == 0
    assert reason in match.reason


def test_inputs_of_the_first_layer_go_by_name_and_by_how_they_are_scaled() -> None:
    then = Inputs(encodings={"dense/a": "zscore", "dense/b": "zscore"})
    now = Inputs(encodings={"dense/a": "quantile", "dense/b": "zscore"})
    new = ["embedding/x/0", "embedding/x/1", "dense/b", "dense/a"]
    match = match_inputs(new, ["dense/a", "dense/b", "embedding/x/0"], now, then)
    assert list(zip(match.new.tolist(), match.old.tolist(), strict=True)) == [(0, 2), (2, 1)]
    assert match_inputs(["dense/c"], ["dense/a"], now, then).reason == "no input in common"
