"""Named experiments: settings of models and trainings that papers describe, to build a config upon.

`experiment: NAME` in a config puts the values of the experiment below those of the file.
"""

from __future__ import annotations

from pipeline.experiments import attention_rnn, language_model, transformer
from pipeline.experiments.apply import with_experiment
from pipeline.experiments.registry import Experiment, base, describe, experiment, names

__all__ = [
    "Experiment",
    "attention_rnn",
    "base",
    "describe",
    "experiment",
    "language_model",
    "names",
    "transformer",
    "with_experiment",
]
