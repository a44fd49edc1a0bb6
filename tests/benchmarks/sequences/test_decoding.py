"""The search without a cache finds what the project's search finds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.sequences import decoding
from trainer.models.sequence import build_sequence_model
from trainer.spec import SequenceFeatureSpec, SequenceModelSpec, StackSpec, UnitsSpec

FEATURES = SequenceFeatureSpec(
    "seq2seq",
    UnitsSpec("phones", "tokens", tuple("ABCDE"), 6),
    UnitsSpec("word", "letters", tuple("abcd"), 6),
)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_hypotheses_and_scores_are_the_same_without_a_cache(kind: str) -> None:
    stack = StackSpec(kind, layers=2, units=8, heads=2, feed_forward=16)  # type: ignore[arg-type]
    model = build_sequence_model(FEATURES, SequenceModelSpec(8, stack, stack), seed=3)
    sources = [np.array(ids, np.int32) for ids in ([4, 5], [6], [7, 4, 5, 6], [5, 5, 5])]
    (batch,) = decoding.padded(sources)
    assert batch.tolist() == [[6, 0, 0, 0], [4, 5, 0, 0], [5, 5, 5, 0], [7, 4, 5, 6]]
    found = {name: search(batch) for name, search in decoding.searches(model, 6).items()}
    cached = found.pop(decoding.CACHED)
    assert int(np.max(cached.lengths)) > 0
    assert list(found) == [decoding.UNCACHED, decoding.WHOLE]
    for other in found.values():
        np.testing.assert_array_equal(cached.ids, other.ids)
        np.testing.assert_allclose(cached.scores, other.scores, rtol=1e-5)
