"""What exported models of sequences answer, asked in large batches of like lengths."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import TandemError

_MOST_ROWS, _LEAST_ROWS = 512, 16
_BATCH_UNITS = 1 << 14
_BATCH_SCORES = 1 << 21

NEVER = -1e9
"""Score of what stands in the place of a hypothesis that the beam did not find."""

Signature = Callable[..., dict[str, Any]]
Batches = list[NDArray[np.int64]]


@dataclasses.dataclass(frozen=True)
class Answers:
    """Answers of one model, in the order of the texts.

    Args:
        texts: hypotheses of each text, the best first; one at least. Empty lists for a language model.
        scores: of each hypothesis, higher is better.
        log_probabilities: of each hypothesis; of the text itself for a language model.
        status: `ok`, `empty`, `unknown` or `truncated`.
        lengths: int64 `(texts,)`. Units that a language model counted; else zeros.
        seconds: float. Time of all answers.
    """

    texts: list[list[str]]
    scores: list[list[float]]
    log_probabilities: list[list[float]]
    status: list[str]
    lengths: NDArray[np.int64]
    seconds: float

    @property
    def best(self) -> list[str]:
        """The best hypothesis of each text."""
        return [texts[0] for texts in self.texts]

    @property
    def per_second(self) -> float | None:
        """Texts answered in a second."""
        return len(self.status) / self.seconds if self.seconds > 0 and self.status else None


def serialized(column: str, texts: Sequence[str]) -> list[bytes]:
    """Requests of `serving_default`: one `tf.Example` with the column for each text."""
    made = []
    for text in texts:
        example = tf.train.Example()
        example.features.feature[column].bytes_list.value.append(text.encode("utf-8", "replace"))
        made.append(example.SerializeToString())
    return made


def batches(lengths: Sequence[int], vocabulary: int) -> Batches:
    """Batches of like lengths, the longest texts first, so that a batch too large fails at once.

    Args:
        lengths: units of each text.
        vocabulary: int. Number of target ids: each hypothesis of a batch has a score for each of them.

    Returns:
        Indices of the texts of each batch; every text is in one.
    """
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    most = max(_LEAST_ROWS, min(_MOST_ROWS, _BATCH_SCORES // max(vocabulary, 1)))
    made: Batches = []
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        rows = max(_LEAST_ROWS, min(most, _BATCH_UNITS // longest))
        made.append(order[start : start + rows])
        start += rows
    return made


class Model:
    """An exported model of sequences.

    Args:
        directory: the SavedModel.
        column: the column that it reads.

    Raises:
        TandemError: `SCORE-012` if it cannot be loaded.
    """

    def __init__(self, directory: Path, column: str) -> None:
        try:
            # Signatures are only weakly tied to their model.
            self._model = tf.saved_model.load(str(directory))
            self._serve: Signature = self._model.signatures["serving_default"]
        except (OSError, KeyError, tf.errors.OpError) as error:
            raise TandemError(
                "SCORE-012",
                f"Expected a model of sequences. Received: {directory} ({error})",
                "Run the pipeline again; the train step writes it.",
            ) from error
        self._explain: Signature | None = self._model.signatures.get("explain")
        self._column = column

    def answer(self, texts: Sequence[str], order: Batches) -> Answers:
        """Answers every text; `order` is what `batches` made of them."""
        requests = serialized(self._column, texts)
        if order:
            # The first call prepares the graph and is not part of the speed.
            self._serve(examples=tf.constant([requests[order[-1][0]]]))
        outputs: list[dict[str, NDArray[Any]]] = []
        start = time.perf_counter()
        for batch in order:
            answered = self._serve(examples=tf.constant([requests[index] for index in batch]))
            outputs.append({name: value.numpy() for name, value in answered.items()})
        seconds = time.perf_counter() - start
        return _gathered(len(texts), order, outputs, seconds)

    def explain(self, texts: Sequence[str]) -> list[dict[str, Any] | None]:
        """Attention behind the best hypothesis of each text: `source_units`, `units`, and `weights`, a row
        for each unit of the hypothesis; None where the model does not tell."""
        if self._explain is None or not texts:
            return [None] * len(texts)
        found = self._explain(examples=tf.constant(serialized(self._column, texts)))
        source, units = (_decoded(found[name].numpy()) for name in ("source_units", "units"))
        weights = found["attention"].numpy()
        made: list[dict[str, Any] | None] = []
        for index in range(len(texts)):
            read = [unit for unit in source[index] if unit]
            written = [unit for unit in units[index] if unit]
            block = weights[index, : len(written), : len(read)]
            rounded = np.round(block.astype(np.float64), 3).tolist()
            made.append({"source_units": read, "units": written, "weights": rounded} if block.size else None)
        return made


def _decoded(values: NDArray[Any]) -> list[list[str]]:
    return [[item.decode("utf-8", "replace") for item in row] for row in values.tolist()]


def _gathered(count: int, order: Batches, outputs: list[dict[str, NDArray[Any]]], seconds: float) -> Answers:
    texts: list[list[str]] = [[] for _ in range(count)]
    scores: list[list[float]] = [[] for _ in range(count)]
    likelihoods: list[list[float]] = [[] for _ in range(count)]
    status = ["ok"] * count
    lengths = np.zeros(count, np.int64)
    for batch, output in zip(order, outputs, strict=True):
        words = _decoded(output["texts"]) if "texts" in output else None
        for row, index in enumerate(batch):
            status[index] = output["status"][row].decode()
            likelihoods[index] = output["log_probabilities"][row].tolist()
            if words is None:
                lengths[index] = output["lengths"][row, 0]
                continue
            found = output["scores"][row].tolist()
            kept = [place for place, score in enumerate(found) if place == 0 or score > NEVER]
            texts[index] = [words[row][place] for place in kept]
            scores[index] = [found[place] for place in kept]
            likelihoods[index] = [likelihoods[index][place] for place in kept]
    return Answers(texts, scores, likelihoods, status, lengths, seconds)
