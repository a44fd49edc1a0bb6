"""Edit distances in bulk against a plain recursion, and alignments by hand."""

from __future__ import annotations

import functools
import random

from components.evaluate.edits import align, edit_distances


def recursion(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    @functools.cache
    def least(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        differs = first[i - 1] != second[j - 1]
        return min(least(i - 1, j) + 1, least(i, j - 1) + 1, least(i - 1, j - 1) + differs)

    return least(len(first), len(second))


def test_many_pairs_of_mixed_lengths_equal_a_plain_recursion() -> None:
    rng = random.Random(3)
    pairs = [tuple(tuple(rng.choices("abcd", k=rng.randint(0, 9))) for _ in range(2)) for _ in range(2000)]
    pairs.append((tuple("ab" * 40), tuple("ba" * 33)))
    assert edit_distances(pairs).tolist() == [recursion(*pair) for pair in pairs]


def test_a_long_pair_among_short_ones_does_not_widen_their_table() -> None:
    pairs = [(["a"], ["b"])] * 5000 + [(["a"] * 3000, ["a"] * 2998)]
    found = edit_distances(pairs)
    assert found[:-1].tolist() == [1] * 5000
    assert found[-1] == 2


def test_no_pairs_have_no_distances() -> None:
    assert edit_distances([]).tolist() == []
    assert edit_distances([([], []), ([], ["a", "b"]), (["a"], [])]).tolist() == [0, 2, 1]


def test_alignments_name_what_is_wrong() -> None:
    steps = align(["K", "AE", "T", "S"], ["K", "EH", "T"])
    assert steps == [("same", "K", "K"), ("other", "AE", "EH"), ("same", "T", "T"), ("missing", "S", "")]
    assert align([], ["a"]) == [("extra", "", "a")]
    assert align(["a", "b"], []) == [("missing", "a", ""), ("missing", "b", "")]


def test_an_alignment_is_as_long_as_its_distance_and_spells_both_sides() -> None:
    rng = random.Random(5)
    for _ in range(200):
        first, second = (rng.choices("abc", k=rng.randint(0, 8)) for _ in range(2))
        steps = align(first, second)
        assert [wanted for _, wanted, _ in steps if wanted] == first
        assert [found for _, _, found in steps if found] == second
        assert sum(kind != "same" for kind, _, _ in steps) == recursion(tuple(first), tuple(second))
