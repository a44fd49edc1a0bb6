"""Sufficient statistics of the metrics of sequences: one vector for each example, whose sums are enough.

The score step compares texts once and writes the vectors; every slice and every resample then only adds.
BLEU and chrF are the corpus scores of sacrebleu, which counts the n-grams in `judge`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BLEU_ORDER = 4
CHRF_ORDER = 6

COUNTS: tuple[str, ...] = (
    "unit_edits", "units", "word_edits", "words", "exact", "hypothesis_units", "reference_units",
)  # fmt: skip
"""What of the vector of an example stands before the counts of BLEU and chrF."""


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else float("nan")


def _sums(predictions: Array, weights: Array) -> Array:
    return np.concatenate([[weights.sum(), float(len(weights))], weights @ predictions])


class Seq2Seq:
    """Predictions are the vectors `(batch, WIDTH)` of `components.evaluate.judge`; labels are not used.

    A vector holds `COUNTS`, then the lengths of hypothesis and reference with the matched and all n-grams of
    BLEU, then for each order of chrF the n-grams of hypothesis and reference and their matches.
    """

    WIDTH = len(COUNTS) + 2 + 2 * BLEU_ORDER + 3 * CHRF_ORDER
    SIZE = 2 + WIDTH

    @staticmethod
    def add(labels: Array, predictions: Array, weights: Array) -> Array:
        """Statistics `(SIZE,)` of one batch: weight, number of examples, weighted sum of the vectors."""
        del labels
        return _sums(predictions, weights)

    @staticmethod
    def metrics(total: Array) -> dict[str, float]:
        """Values of `NAMES["seq2seq"]`; `bleu` and `chrf` between 0 and 100, all others shares."""
        weight, count = total[:2]
        unit_edits, units, word_edits, words, exact, hypothesis, reference = total[2 : 2 + len(COUNTS)]
        ngrams = total[2 + len(COUNTS) :]
        bleu, chrf = ngrams[: 2 + 2 * BLEU_ORDER], ngrams[2 + 2 * BLEU_ORDER :]
        return {
            "wer": _ratio(word_edits, words),
            "per": _ratio(unit_edits, units),
            "exact_match": _ratio(exact, weight),
            "bleu": _bleu(bleu) if weight else float("nan"),
            "chrf": _chrf(chrf) if weight else float("nan"),
            "length_ratio": _ratio(hypothesis, reference),
            "example_count": float(count),
        }


def _bleu(counts: Array) -> float:
    """BLEU of counts that may be weighted, which the library's own function does not take.

    Reference: Papineni et al., 2002, BLEU; smoothing 3 (exponential) of Chen and Cherry, 2014.
    """
    hypothesis, reference = counts[:2]
    correct, every = counts[2 : 2 + BLEU_ORDER], counts[2 + BLEU_ORDER :]
    if not correct.any() or not every.all():
        return 0.0
    halvings = np.cumsum(correct == 0)
    precisions = np.where(correct > 0, correct, 0.5**halvings) / every
    brevity = min(0.0, 1.0 - reference / hypothesis)
    return float(100.0 * math.exp(brevity + np.log(precisions).mean()))


def _chrf(counts: Array) -> float:
    """F-score with recall twice as heavy, over the orders that occur on both sides.

    Reference: Popovic, 2015, chrF: character n-gram F-score for automatic MT evaluation.
    """
    hypothesis, reference, matches = counts.reshape(CHRF_ORDER, 3).T
    both = (hypothesis > 0) & (reference > 0)
    if not matches[both].any():
        return 0.0
    precision = float((matches[both] / hypothesis[both]).mean())
    recall = float((matches[both] / reference[both]).mean())
    return 100.0 * 5.0 * precision * recall / (4.0 * precision + recall)


class LanguageModel:
    """Predictions are `(batch, 2)`: negative log-likelihood in nats and units; labels are not used."""

    WIDTH = 2
    SIZE = 4

    @staticmethod
    def add(labels: Array, predictions: Array, weights: Array) -> Array:
        """Statistics `(SIZE,)`: weight, number of examples, weighted sums."""
        del labels
        return _sums(predictions, weights)

    @staticmethod
    def metrics(total: Array) -> dict[str, float]:
        """Values of `NAMES["language_model"]`, both over all units with the ends of the texts."""
        _, count, nats, units = total
        mean = _ratio(nats, units)
        return {
            "perplexity": math.exp(mean) if mean < math.log(np.finfo(np.float64).max) else mean * math.inf,
            "bits_per_unit": mean / math.log(2.0),
            "example_count": float(count),
        }
