"""Vocabularies, hashing of text and missing text."""

from __future__ import annotations

import collections

from transforms import tabular
from transforms.tabular import vocabulary_file
from transforms.tabular.layout import Vocabulary
from transforms.tabular.vocabulary import _prune, _SumCounts


def test_values_are_numbered_by_falling_count(shop):
    assert tabular.vocabularies(shop.directory)["color"] == ["red", "blue"]
    assert shop.ids("wide", "color")[:8] == [0] * 5 + [1] * 3


def test_rare_values_are_hashed_behind_the_vocabulary_and_missing_is_last(shop):
    ids = shop.ids("wide", "color")
    assert shop.size("wide", "color") == 2 + 3 + 1
    assert all(2 <= i < 5 for i in ids[8:10])
    assert ids[10:] == [5, 5]


def test_unknown_values_use_every_hash_bucket_and_never_the_missing_id(shop):
    outputs = shop.apply({"color": [f"new {i}" for i in range(300)]})
    assert set(shop.ids("wide", "color", outputs)) == {2, 3, 4}


def test_hashed_ids_spread_over_the_buckets_and_keep_missing_apart(shop):
    outputs = shop.apply({"city": [f"city {i}" for i in range(2_000)]})
    counts = collections.Counter(shop.ids("wide", "city", outputs))
    assert set(counts) == set(range(50))
    assert max(counts.values()) < 80
    assert shop.ids("wide", "city")[10] == 50
    assert shop.size("wide", "city") == 51


def test_equal_text_in_two_hashed_columns_falls_in_different_buckets(shop):
    words = [f"word {i}" for i in range(200)]
    outputs = shop.apply({"city": words, "brand": words})
    pairs = zip(shop.ids("deep", "city", outputs), shop.ids("deep", "brand", outputs), strict=True)
    assert sum(a == b for a, b in pairs) < 20


def test_columns_with_an_empty_vocabulary_keep_unknown_and_missing_ids(odd):
    vocabularies = tabular.vocabularies(odd.directory)
    assert vocabularies["unseen"] == []
    assert vocabularies["rare"] == []
    assert odd.ids("deep", "unseen") == [1] * 8
    assert odd.size("deep", "unseen") == 2
    assert set(odd.ids("deep", "rare")) == {0, 1}
    assert odd.ids("deep", "unseen", odd.apply({"unseen": ["now", None]})) == [0, 1]


def test_max_size_keeps_the_most_frequent_values_and_breaks_ties_by_text(odd):
    assert tabular.vocabularies(odd.directory)["top"] == ["p", "q"]
    assert odd.size("deep", "top") == 4


def test_the_first_of_several_values_counts(odd):
    assert tabular.vocabularies(odd.directory)["several"] == ["v", "u"]
    assert odd.ids("deep", "several") == [1, 0, 0, 3, 1, 0, 0, 0]


def test_any_bytes_survive_the_file(tmp_path):
    values = [b"", b"\\", b"\\n", b"a\tb\r\nc", "søt".encode(), b"\xff\xfe", b"\\\\t\\", b"\t\\"]
    path = str(tmp_path / "vocabularies.tsv")
    vocabulary_file.write(path, ["odd\tname", "empty"], [values, []])
    read = vocabulary_file.read(path)
    assert [value.encode("utf-8", "surrogateescape") for value in read["odd\tname"]] == values
    assert read["empty"] == []


def test_partial_counts_add_up_before_the_minimum_count_applies():
    combine = _SumCounts()
    parts = [
        combine.add_input(combine.create_accumulator(), counts)
        for counts in ({(0, b"a"): 2, (1, b"a"): 1}, {(0, b"a"): 1, (0, b"b"): 2})
    ]
    specs = [Vocabulary("x", 3, None, 1), Vocabulary("y", 1, 5, 1)]
    assert _prune(combine.merge_accumulators(parts), specs) == [[(b"a", 3)], [(b"a", 1)]]
