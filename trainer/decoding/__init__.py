"""Search for the most probable targets of a sequence model, in stock operations inside the graph."""

from trainer.decoding.hypotheses import Hypotheses
from trainer.decoding.scores import coverage_penalty, length_normaliser, log_probabilities
from trainer.decoding.search import beam_search, greedy

__all__ = [
    "Hypotheses",
    "beam_search",
    "coverage_penalty",
    "greedy",
    "length_normaliser",
    "log_probabilities",
]
