"""The score step of sequence tasks: from rows and models to scored examples and their summary."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from components.score.sequences import quantisation
from components.score.sequences.answers import Model
from components.score.sequences.scorer import ask, column_of, examples, summary
from components.score.sequences.sources import LENGTH, read_sources
from trainer.errors import TandemError
from trainer.quantisation import FLOAT32_DIRECTORY
from trainer.spec.sequence import SequenceFeatureSpec

Json = dict[str, Any]


def score(
    batches: Iterable[list[bytes]],
    features: SequenceFeatureSpec,
    columns: Sequence[str],
    weight_column: str | None,
    model: Path,
    candidate: Path,
    baseline: Path,
    prior: Path,
    baseline_is_prior: bool,
) -> tuple[Iterator[bytes], Callable[[], Json]]:
    """Scores a split.

    Args:
        batches: serialized rows.
        features: of the candidate.
        columns: kept for slices; `source_length` is made here.
        weight_column: column with the weight of a row, or None.
        model: artifact of the candidate, in which a float32 copy may lie.
        candidate: SavedModel of the candidate.
        baseline: SavedModel of the baseline.
        prior: SavedModel of the prior.
        baseline_is_prior: whether no model is blessed.

    Returns:
        The scored examples, and what gives the contents of `score.json` but for the baseline's digest.

    Raises:
        TandemError: `SCORE-010` if no row has a source and a target, `SCORE-011` to `SCORE-013`.
    """
    column = column_of(features)
    read = read_sources(
        itertools.chain.from_iterable(batches),
        column,
        None if features.source is None else features.target.column,
        [name for name in columns if name != LENGTH],
        weight_column,
    )
    if not read.sources:
        raise TandemError(
            "SCORE-010",
            f"Expected rows with source and target to evaluate. Received: rows={read.rows}, "
            f"left out={read.left_out}",
            "Give the eval split texts, in data.split.",
            exit_status=2,
        )
    models = {"candidate": Model(candidate, column), "baseline": Model(baseline, column)}
    models["prior"] = models["baseline"] if baseline_is_prior else Model(prior, column)
    float_copy = model / FLOAT32_DIRECTORY
    quantised = (float_copy / "saved_model.pb").is_file()
    if quantised:
        models["float32"] = Model(float_copy, column)
    scores = ask(features, read.sources, models)

    def finish() -> Json:
        found = summary(features, read, scores, baseline_is_prior, models["candidate"].explain)
        if quantised:
            found["quantisation"] = quantisation.compare(
                features.task, scores, read.sources, candidate, float_copy
            )
        return found

    return examples(scores, read.sources, columns, weight_column), finish
