"""Rows grouped by source text, ranges of lengths, and batches."""

from __future__ import annotations

import numpy as np
import pytest

from components.score.sequences.answers import batches
from components.score.sequences.sources import length_range, read_sources
from tests.components.score.sequences.models import row
from trainer.errors import TandemError


def test_rows_of_one_source_are_one_example_with_the_different_targets() -> None:
    rows = [
        row(word="read", phones="R EH D", kind="verb", w2="x"),
        row(word="cat", phones="K AE T"),
        row(word="read", phones="R IY D", kind="noun"),
        row(word="read", phones="R EH D"),
    ]
    found = read_sources(rows, "word", "phones", ["kind"])
    assert [(one.text, one.references) for one in found.sources] == [
        ("read", ["R EH D", "R IY D"]),
        ("cat", ["K AE T"]),
    ]
    assert [one.columns for one in found.sources] == [{"kind": b"verb"}, {}]
    assert found.rows == 4
    assert found.left_out == {"source": 0, "target": 0}


def test_a_source_has_the_weight_of_its_first_row() -> None:
    rows = [row(2.0, word="a", phones="A"), row(5.0, word="a", phones="B"), row(0.5, word="b", phones="B")]
    assert [one.weight for one in read_sources(rows, "word", "phones", (), "w").sources] == [2.0, 0.5]
    assert [one.weight for one in read_sources(rows, "word", "phones").sources] == [1.0, 1.0]
    with pytest.raises(TandemError, match="SCORE-011"):
        read_sources([row(word="a", phones="A")], "word", "phones", (), "w")


def test_rows_without_a_side_are_left_out_and_counted() -> None:
    rows = [row(word="", phones="A"), row(word="a", phones=""), row(word="a", phones="A"), row(phones="")]
    found = read_sources(rows, "word", "phones")
    assert [one.text for one in found.sources] == ["a"]
    assert found.left_out == {"source": 2, "target": 1}


def test_texts_of_a_language_model_are_not_grouped() -> None:
    found = read_sources([row(text="a b"), row(text="a b"), row(text="")], "text", None)
    assert [one.text for one in found.sources] == ["a b", "a b"]
    assert found.sources[0].references == []
    assert found.left_out == {"source": 1, "target": 0}


def test_bytes_that_are_no_text_are_read_all_the_same() -> None:
    broken = row(word="cat", phones="K").replace(b"cat", b"c\xfft")
    assert read_sources([broken], "word", "phones").sources[0].text == "c\ufffdt"


def test_ranges_of_lengths_follow_each_other_and_sort_as_texts() -> None:
    names = [length_range(units) for units in range(1, 700)]
    assert list(dict.fromkeys(names)) == sorted(set(names))
    assert all(int(name[:3]) <= units for units, name in enumerate(names, 1))
    assert all(units <= int(name[4:]) for units, name in enumerate(names, 1) if len(name) == 7)


def test_batches_hold_every_text_once_and_like_lengths_together() -> None:
    lengths = np.random.default_rng(1).integers(1, 300, 5000).tolist()
    made = batches(lengths, 50)
    assert sorted(np.concatenate(made).tolist()) == list(range(5000))
    for batch in made[:-1]:
        assert len(batch) >= 16
        assert len(batch) * max(lengths[index] for index in batch) <= max(1 << 14, 16 * 300)
    longest = [max(lengths[index] for index in batch) for batch in made]
    assert longest == sorted(longest, reverse=True)


def test_a_large_vocabulary_makes_smaller_batches() -> None:
    assert max(map(len, batches([3] * 2000, 40))) == 512
    assert max(map(len, batches([3] * 2000, 30_000))) < 100
    assert batches([], 40) == []
