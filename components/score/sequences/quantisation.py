"""What int8 weights cost: the candidate beside its copy with float32 weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluate.sequences import LanguageModel, Seq2Seq
from components.score.sequences.answers import Answers
from components.score.sequences.scorer import Scores, measured
from components.score.sequences.sources import Source

Json = dict[str, Any]

COMPARED: dict[str, tuple[str, ...]] = {
    "seq2seq": ("wer", "per", "bleu"),
    "language_model": ("perplexity",),
}
"""Metrics of a task that are compared, as `int8_METRIC_change`."""


def size(directory: Path) -> int:
    """Bytes of all files of a SavedModel."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def compare(task: str, scores: Scores, sources: Sequence[Source], candidate: Path, float_copy: Path) -> Json:
    """Figures of both models and their differences.

    Args:
        task: `seq2seq` or `language_model`.
        scores: of `candidate`, whose weights are int8, and `float32`, the copy.
        sources: what was asked.
        candidate: SavedModel of the candidate.
        float_copy: SavedModel of the copy.

    Returns:
        `int8` and `float32`, each with the metrics, `bytes` and `sources_per_second`; and `changes`, what
        rules of the gate may name: int8 minus float32 for metrics, int8 divided by float32 for size and
        speed, None where one is not known.
    """
    weights = np.array([source.weight for source in sources])
    core = LanguageModel if task == "language_model" else Seq2Seq
    found = {
        name: _figures(measured(core, scores.vectors[model], weights), scores.answers[model], size(place))
        for name, model, place in (("int8", "candidate", candidate), ("float32", "float32", float_copy))
    }
    mine, other = found["int8"], found["float32"]
    changes: Json = {
        f"int8_{metric}_change": None
        if mine[metric] is None or other[metric] is None
        else mine[metric] - other[metric]
        for metric in COMPARED[task]
    }
    for name, figure in (("size", "bytes"), ("speed", "sources_per_second")):
        known = mine[figure] is not None and other[figure]
        changes[f"int8_{name}_ratio"] = mine[figure] / other[figure] if known else None
    return {**found, "changes": changes}


def _figures(metrics: dict[str, float | None], answers: Answers, size_bytes: int) -> Json:
    return {**metrics, "bytes": size_bytes, "sources_per_second": answers.per_second}
