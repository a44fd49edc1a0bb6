"""How much predictions change when a model is trained again: the measures, an ensemble, and what it costs."""

from trainer.churn.measures import UNDECIDED, Change, decisions, differences, flips, measure, pairs

__all__ = ["UNDECIDED", "Change", "decisions", "differences", "flips", "measure", "pairs"]
