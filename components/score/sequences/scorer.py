"""Scores a split of sequences with several models: vectors for the evaluation, and figures for the report."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluate.config import REFERENCES, prediction_key
from components.evaluate.judge import judge_of
from components.evaluate.sequences import LanguageModel, Seq2Seq
from components.score.sequences import samples
from components.score.sequences.answers import Answers, Model, batches
from components.score.sequences.sources import LENGTH, Source, Sources, length_range
from trainer.churn import differences
from trainer.errors import TandemError
from trainer.spec.sequence import SequenceFeatureSpec
from transforms.text.segments import segment

Json = dict[str, Any]
Vectors = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Scores:
    """Answers and vectors by model, with the lengths of the sources in units.

    Args:
        answers: by name of the model.
        vectors: float32 `(sources, WIDTH)` by name of the model, see `components.evaluate.sequences`.
        lengths: units of each source.
    """

    answers: dict[str, Answers]
    vectors: dict[str, Vectors]
    lengths: list[int]


def column_of(features: SequenceFeatureSpec) -> str:
    """The one column that a model of sequences reads."""
    return (features.source or features.target).column


def ask(features: SequenceFeatureSpec, sources: Sequence[Source], models: Mapping[str, Model]) -> Scores:
    """Lets every model answer every source, and compares with the references.

    Args:
        features: of the candidate.
        sources: what is asked.
        models: by name.

    Returns:
        The scores.

    Raises:
        TandemError: `SCORE-013` if a model gives a value that is not a number.
    """
    read = features.source or features.target
    texts = [source.text for source in sources]
    lengths = [len(segment(text, read.kind, read.units)) for text in texts]
    order = batches(lengths, features.target.size)
    answers = {name: model.answer(texts, order) for name, model in models.items()}
    if features.task == "language_model":
        vectors = {
            name: np.stack([-np.array([row[0] for row in found.log_probabilities]), found.lengths], axis=1)
            for name, found in answers.items()
            if found.log_probabilities
        }
        for name, values in vectors.items():
            if not np.isfinite(values).all():
                raise TandemError(
                    "SCORE-013",
                    "Expected finite log-probabilities of every text. "
                    f"Received: model={name}, texts without={int((~np.isfinite(values[:, 0])).sum())}",
                    "Train it again with a lower train.sequence.learning_rate or clip_norm.",
                )
        return Scores(answers, {name: v.astype(np.float32) for name, v in vectors.items()}, lengths)
    judge = judge_of(features.target.kind, features.target.units)
    compared = judge.compare([source.references for source in sources], [a.best for a in answers.values()])
    return Scores(answers, dict(zip(answers, compared, strict=True)), lengths)


def examples(
    scores: Scores, sources: Sequence[Source], columns: Sequence[str], weight: str | None
) -> Iterator[bytes]:
    """Yields the serialized `tf.Example`s that the evaluation reads: vectors, slice columns and weight."""
    for index, source in enumerate(sources):
        made = tf.train.Example()
        feature = made.features.feature
        feature[REFERENCES].float_list.value.append(float(len(source.references)))
        for name in ("candidate", "baseline"):
            feature[prediction_key(name)].float_list.value.extend(scores.vectors[name][index].tolist())
        for name, value in source.columns.items():
            feature[name].bytes_list.value.append(value)
        if LENGTH in columns:
            feature[LENGTH].bytes_list.value.append(length_range(scores.lengths[index]).encode())
        if weight is not None:
            feature[weight].float_list.value.append(source.weight)
        yield made.SerializeToString(deterministic=True)


def summary(
    features: SequenceFeatureSpec,
    read: Sources,
    scores: Scores,
    baseline_is_prior: bool,
    explain: Callable[[Sequence[str]], list[Json | None]],
) -> Json:
    """What `score.json` holds of the sequences.

    Args:
        features: of the candidate.
        read: the sources with what was left out.
        scores: of `candidate`, `baseline` and `prior`.
        baseline_is_prior: whether no model is blessed.
        explain: attention behind answers of the candidate.

    Returns:
        `rows`, `sources`, `references` and `left_out`; `prior`, its metrics; `churn`, the share of sources
        whose best hypothesis is another than the baseline's, or the mean absolute difference of bits per unit
        of a language model; `decisions_flipped`, the former share, None for a language model; `status`,
        sources by status of the candidate; `by_length`, `samples` and `speed`.
    """
    sources = read.sources
    core = LanguageModel if features.task == "language_model" else Seq2Seq
    weights = np.array([source.weight for source in sources])
    candidate, baseline = scores.answers["candidate"], scores.answers["baseline"]
    if core is LanguageModel:
        bits = {name: _bits(scores.vectors[name]) for name in ("candidate", "baseline")}
        changes = differences(features.task, bits["candidate"], bits["baseline"])
        chosen = samples.choose(bits["candidate"].tolist(), sources)
        shown = samples.texts(chosen, sources, bits["candidate"], candidate)
    else:
        changes = differences(features.task, candidate.best, baseline.best)
        vectors = scores.vectors["candidate"]
        rates = (vectors[:, 0] / np.maximum(vectors[:, 1], 1)).tolist()
        target = features.target
        shown = samples.hypotheses(
            samples.choose(rates, sources),
            sources,
            candidate,
            None if baseline_is_prior else baseline,
            lambda text: segment(text, target.kind, target.units),
            explain,
        )
    churn = float(changes.mean()) if len(changes) else None
    shown_models = ("candidate",) if baseline_is_prior else ("candidate", "baseline")
    return {
        "rows": read.rows,
        "sources": len(sources),
        "references": sum(len(source.references) for source in sources),
        "left_out": read.left_out,
        "prior": measured(core, scores.vectors["prior"], weights),
        "churn": churn,
        "decisions_flipped": None if core is LanguageModel else churn,
        "status": dict(sorted(collections.Counter(candidate.status).items())),
        "by_length": [
            {
                "range": name,
                "sources": len(indices),
                **{
                    model: measured(core, scores.vectors[model][indices], weights[indices])
                    for model in shown_models
                },
            }
            for name, indices in by_length(scores.lengths).items()
        ],
        "samples": shown,
        "speed": {
            name: {
                "sources_per_second": scores.answers[name].per_second,
                "seconds": scores.answers[name].seconds,
            }
            for name in shown_models
        },
    }


def measured(
    core: type[Seq2Seq] | type[LanguageModel], vectors: Vectors, weights: NDArray[np.float64]
) -> dict[str, float | None]:
    """Metrics of vectors; a value that is not finite is None."""
    values = core.metrics(core.add(weights, vectors.astype(np.float64), weights))
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def by_length(lengths: Sequence[int]) -> dict[str, list[int]]:
    """Indices of the sources by range of their length, the short ones first."""
    found: dict[str, list[int]] = {}
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        found.setdefault(length_range(lengths[index]), []).append(index)
    return found


def _bits(vectors: Vectors) -> NDArray[np.float64]:
    found = vectors[:, 0] / np.maximum(vectors[:, 1], 1) / np.log(2.0)
    return found.astype(np.float64)
