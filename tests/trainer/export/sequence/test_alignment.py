"""Alignments against all of them counted one by one, and units that a mapping made."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from trainer.export.sequence import alignment


def pair(source: list[int], target: list[int]) -> alignment.Pair:
    return np.array(source, np.int32), np.array(target, np.int32)


def counted(match: np.ndarray, nothing: np.ndarray, extra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors by walking every alignment of one pair."""
    rows, columns = match.shape
    matched, skipped, total = np.zeros_like(match), np.zeros_like(nothing), 0.0
    # 0: match, 1: nothing, 2: extra.
    for length in range(max(rows, columns), rows + columns + 1):
        for steps in itertools.product(range(3), repeat=length):
            if (steps.count(0) + steps.count(1), steps.count(0) + steps.count(2)) != (rows, columns):
                continue
            i, j, likelihood, cells, silent = 0, 0, 0.0, [], []
            for step in steps:
                if step == 0:
                    likelihood += match[i, j]
                    cells.append((i, j))
                elif step == 1:
                    likelihood += nothing[i]
                    silent.append(i)
                else:
                    likelihood += extra[j]
                i, j = i + (step != 2), j + (step != 1)
            share = np.exp(likelihood)
            total += share
            for cell in cells:
                matched[cell] += share
            for row in silent:
                skipped[row] += share
    return matched / total, skipped / total


def test_posteriors_of_padded_pairs_equal_all_alignments_counted_one_by_one() -> None:
    pairs = [pair([4] * n, [5] * m) for n, m in [(3, 2), (1, 4), (2, 2), (4, 1)]]
    chunk = alignment._Chunk(pairs, 9)
    rng = np.random.default_rng(0)
    match, nothing, extra = (
        rng.normal(size=value.shape) for value in (chunk.keys, chunk.source, chunk.target)
    )
    matched, skipped = chunk.posteriors(match, nothing, extra)
    for k, (source, target) in enumerate(pairs):
        n, m = len(source), len(target)
        expected = counted(match[:n, :m, k], nothing[:n, k], extra[:m, k])
        np.testing.assert_allclose(matched[:n, :m, k], expected[0])
        np.testing.assert_allclose(skipped[:n, k], expected[1])
        outside = matched[:, :, k].copy()
        outside[:n, :m] = 0
        assert not outside.any()
        assert not skipped[n:, k].any()


def test_the_mapping_that_made_the_targets_is_found_again() -> None:
    rng = random.Random(3)
    mapping = {unit: 4 + unit * 7 % 37 for unit in range(4, 31)}
    silent = {5, 9}
    pairs = []
    for _ in range(3000):
        source = [rng.randint(4, 30) for _ in range(rng.randint(2, 10))]
        spoken = [unit for unit in source if unit not in silent or rng.random() < 0.2]
        target = [mapping[unit] if rng.random() < 0.7 else rng.randint(4, 40) for unit in spoken]
        pairs.append(pair(source, target))
    best, shares = alignment.most_frequent(alignment.thinned(pairs), 32, 41)
    assert best[4:31].tolist() == [0 if unit in silent else mapping[unit] for unit in range(4, 31)]
    assert best[31] == 0, "a unit that does not occur becomes nothing"
    assert shares[4] == pytest.approx(0.7, abs=0.06)
    assert shares[5] == pytest.approx(0.8, abs=0.06)


def test_no_pairs_give_nothing() -> None:
    best, shares = alignment.most_frequent([], 6, 9)
    assert best.tolist() == [0] * 6
    assert shares.tolist() == [1.0] * 6


def test_an_even_part_of_many_pairs_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "MOST_PAIRS", 10)
    kept = alignment.thinned(pair([index], [index]) for index in range(100))
    numbers = [int(source[0]) for source, _ in kept]
    assert 5 <= len(numbers) <= 10
    assert len(set(np.diff(numbers))) == 1
    monkeypatch.setattr(alignment, "MOST_PAIRS", 1000)
    monkeypatch.setattr(alignment, "MOST_CELLS", 40)
    kept = alignment.thinned(pair([1, 2], [1, 2]) for _ in range(30))
    assert len(kept) == 10


def test_pairs_that_cannot_be_aligned_are_left_out() -> None:
    long = list(range(alignment.MOST_UNITS + 1))
    assert alignment.thinned([pair([], [4]), pair([4], []), pair(long, [4])]) == []
