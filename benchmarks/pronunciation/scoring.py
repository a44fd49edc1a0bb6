"""Word and phone error rates: one hypothesis a word, beside every listed pronunciation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from benchmarks.pronunciation.words import Spoken


@dataclasses.dataclass(frozen=True)
class Score:
    """Both error rates in percent.

    Args:
        wer: share of words whose hypothesis equals none of their pronunciations.
        per: edits to the closest pronunciation over the phones of that pronunciation, both summed.
        words: number of words.
    """

    wer: float
    per: float
    words: int


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """Least number of insertions, deletions and substitutions that make one of the other.

    Example:
        >>> edits("K AE T".split(), "K AA T S".split())
        2
    """
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            diagonal, row[j] = row[j], min(diagonal + (left != right), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def score(hypotheses: Mapping[str, str], spoken: Spoken, first_only: bool = False) -> Score:
    """Scores hypotheses; a word without one has the empty hypothesis.

    Args:
        hypotheses: phones by word, with spaces between them.
        spoken: the words to score, with their pronunciations.
        first_only: count the first pronunciation of each word alone. Defaults to `False`.
    """
    wrong = total = phones = 0
    for word, listed in spoken.items():
        given = hypotheses.get(word, "").split()
        references = [text.split() for text in (listed[:1] if first_only else listed)]
        distances = [edits(given, reference) for reference in references]
        closest = distances.index(min(distances))
        wrong += distances[closest] > 0
        total += distances[closest]
        phones += len(references[closest])
    return Score(100 * wrong / len(spoken), 100 * total / phones, len(spoken))
