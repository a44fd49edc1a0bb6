"""Answers of a checkpoint or an exported model, by the code of the score step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.evaluate.sequences import LanguageModel, Seq2Seq
from components.score.sequences.answers import Answers, Model, batches
from components.score.sequences.scorer import ask, measured
from components.score.sequences.sources import Source, read_sources
from pipeline.watch.evaluate import empty_split
from pipeline.watch.follow import Found
from pipeline.watch.training import Training
from trainer.data.records import serialized_examples
from trainer.spec import SequenceFeatureSpec
from trainer.watch import Watched
from transforms.text.segments import segment


def sources_of(training: Training, split: str, limit: int | None = None) -> list[Source]:
    """The sources of a split with their references, in the order of the files.

    Raises:
        TandemError: `DECODE-005` if there is none.
    """
    config, files = training.config, training.examples(split)
    language_model = config.task == "language_model"
    column = config.label.column if language_model else next(iter(config.features))
    rows = (row for row in serialized_examples(files).as_numpy_iterator()) if files else ()
    found = read_sources(
        rows,
        column,
        None if language_model else config.label.column,
        weight_column=config.data.weight_column,
    ).sources[:limit]
    if not found:
        raise empty_split(training, split, files)
    return found


class Answering:
    """Answers with one set of weights after the other; graphs are made once.

    Args:
        training: the training.
        split: of the loss.
    """

    def __init__(self, training: Training, split: str) -> None:
        self._training = training
        self._split = split
        self._watched: Watched | None = None
        self._model: Model | None = None
        self._features: SequenceFeatureSpec | None = None

    def model(self, found: Found) -> tuple[Model, SequenceFeatureSpec]:
        """The model with the weights that were found, and what it reads and writes."""
        if found.exported is not None:
            features = _features_of(found.exported)
            return Model(found.exported, _column(features)), features
        assert found.checkpoint is not None
        assert found.spec is not None
        if self._watched is None:
            self._watched = Watched.from_json(found.spec)
            self._model = _Live(self._watched)
        self._watched.take(found.checkpoint)
        assert self._model is not None
        return self._model, self._watched.features

    def metrics(self, found: Found, sources: Sequence[Source]) -> dict[str, float | None]:
        """The metrics of the evaluation step, overall."""
        model, features = self.model(found)
        core = LanguageModel if features.task == "language_model" else Seq2Seq
        vectors = ask(features, sources, {"model": model}).vectors["model"]
        return measured(core, vectors, np.array([source.weight for source in sources]))

    def loss(self, found: Found) -> float | None:
        """The loss of the transformed examples of the split; None where there are none."""
        self.model(found)
        assert self._watched is not None
        files = self._training.transformed(self._split)
        return self._watched.loss(files) if files else None

    def answer(self, found: Found, texts: Sequence[str]) -> Answers:
        """Hypotheses of texts, in their order."""
        model, features = self.model(found)
        read = features.source or features.target
        lengths = [len(segment(text, read.kind, read.units)) for text in texts]
        return model.answer(texts, batches(lengths, features.target.size))


class _Live(Model):
    """As an exported model, of weights that change."""

    def __init__(self, watched: Watched) -> None:
        self._serve = watched.serve
        self._explain = None
        self._column = _column(watched.features)


def _column(features: SequenceFeatureSpec) -> str:
    return (features.source or features.target).column


def _features_of(directory: Path) -> SequenceFeatureSpec:
    import json

    from trainer.export.sequence import FEATURES

    return SequenceFeatureSpec.from_json(json.loads((directory / FEATURES).read_text()))
