"""Weights in 8 bits: how they are rounded, training that knows of it, and models stored so."""

from trainer.quantisation.aware import begins, fake_quantised
from trainer.quantisation.choice import reduced_axes
from trainer.quantisation.report import FLOAT32_DIRECTORY, report
from trainer.quantisation.rounding import LARGEST, dequantise, fake_quantise, quantise, scales
from trainer.quantisation.stored import StoredWeights

__all__ = [
    "FLOAT32_DIRECTORY",
    "LARGEST",
    "StoredWeights",
    "begins",
    "dequantise",
    "fake_quantise",
    "fake_quantised",
    "quantise",
    "reduced_axes",
    "report",
    "scales",
]
