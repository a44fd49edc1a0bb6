"""Compares hypotheses with references: the vectors that the metrics of `sequences.Seq2Seq` are sums of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from components.evaluate.edits import edit_distances
from components.evaluate.sequences import CHRF_ORDER, Seq2Seq
from transforms.text.segments import UNKNOWN, UnitKind, segment

Segment = Callable[[str], Sequence[str]]
_BLOCK = 512


class Judge:
    """Counts of one hypothesis for each source, against one or more references.

    The closest reference is the one with the fewest edits, and of several such the first. Units and words
    have each their own closest one; lengths are those of the reference that is closest by units. BLEU and
    chrF compare with all references in sacrebleu's own way. Of targets in `letters`, texts are compared in
    lower case.

    Args:
        kind: kind of the target's units; `words` and `subwords` have words inside, of all others the whole
            text is one word. BLEU takes `tokens` as they are and finds the words of all others itself (13a).
        segment: units of a text.
        words: words of a text; of a kind without words inside it is not called.
    """

    def __init__(self, kind: str, segment: Segment, words: Segment) -> None:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF

        self._kind = kind
        self._segment = segment
        self._words = words if kind in ("words", "subwords") else None
        self._bleu = BLEU(tokenize="none" if kind == "tokens" else "13a", force=True)
        self._chrf = CHRF(char_order=CHRF_ORDER)

    def compare(
        self, references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]
    ) -> list[NDArray[np.float32]]:
        """Vectors of the hypotheses of several models.

        Args:
            references: for each source at least one reference.
            hypotheses: of each model one for each source, in the same order.

        Returns:
            For each model float32 `(sources, Seq2Seq.WIDTH)`.
        """
        parts: list[list[NDArray[np.float32]]] = [[] for _ in hypotheses]
        # N-grams of references are made once for all models, and kept for one block only.
        for start in range(0, len(references), _BLOCK):
            block = slice(start, start + _BLOCK)
            wanted = [[self._text(text) for text in texts] for texts in references[block]]
            bleu = [
                self._bleu._extract_reference_info([self._bleu._preprocess_segment(text) for text in texts])
                for texts in wanted
            ]
            chrf = [self._chrf._extract_reference_info(texts) for texts in wanted]
            for part, model in zip(parts, hypotheses, strict=True):
                found = [self._text(text) for text in model[block]]
                ngrams = [
                    [
                        *self._bleu._compute_segment_statistics(self._bleu._preprocess_segment(text), b),
                        *self._chrf._compute_segment_statistics(text, c),
                    ]
                    for text, b, c in zip(found, bleu, chrf, strict=True)
                ]
                part.append(np.hstack([self._counts(wanted, found), np.array(ngrams, np.float32)]))
        empty = np.zeros((0, Seq2Seq.WIDTH), np.float32)
        return [np.vstack([empty, *part]) for part in parts]

    def _text(self, text: str) -> str:
        return text.lower() if self._kind == "letters" else text

    def _counts(self, wanted: list[list[str]], found: list[str]) -> NDArray[np.float32]:
        unit_edits, units, lengths = _closest(wanted, found, self._segment)
        exact = unit_edits == 0
        if self._words is None:
            word_edits, words = (~exact).astype(np.int64), np.ones_like(units)
        else:
            word_edits, words, _ = _closest(wanted, found, self._words)
        columns = (unit_edits, units, word_edits, words, exact, lengths, units)
        return np.stack(columns, axis=1).astype(np.float32)


def _closest(
    wanted: list[list[str]], found: list[str], segment: Segment
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Edits to the closest reference, its length, and the length of the hypothesis."""
    made = [segment(text) for text in found]
    pairs = [(segment(text), made[index]) for index, texts in enumerate(wanted) for text in texts]
    edits, lengths = edit_distances(pairs), np.array([len(pair[0]) for pair in pairs], np.int64)
    counts = [len(texts) for texts in wanted]
    starts = np.cumsum([0, *counts[:-1]])
    best = [
        start + int(edits[start : start + count].argmin())
        for start, count in zip(starts, counts, strict=True)
    ]
    return edits[best], lengths[best], np.array([len(units) for units in made], np.int64)


def judge_of(kind: UnitKind, pieces: Collection[str]) -> Judge:
    """The judge of a target whose texts are divided as the transform graph divides them.

    Args:
        kind: kind of the target's units.
        pieces: the learned units, used for `subwords` alone; a token that they do not cover is one unit.

    Returns:
        The judge; its words are those of the kind `words`, or what stands between white space for `subwords`.
    """
    known = frozenset(pieces)

    def units(text: str) -> list[str]:
        if kind != "subwords":
            return segment(text, kind)
        return [
            token if piece == UNKNOWN else piece
            for token in segment(text, "tokens")
            for piece in segment(token, "subwords", known)
        ]

    return Judge(kind, units, lambda text: segment(text, "words" if kind == "words" else "tokens"))
