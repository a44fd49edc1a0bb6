"""The least that a model of sequences must beat, as a model: units one by one, without their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import TandemError
from trainer.export.sequence import alignment
from trainer.export.sequence.inputs import read
from trainer.export.sequence.texts import Joiner
from trainer.export.serving import save
from trainer.export.signatures import make_signatures
from trainer.export.transform_graph import TransformGraph
from trainer.spec.sequence import END, UNKNOWN, SequenceFeatureSpec

Json = dict[str, Any]


def fit_prior(
    features: SequenceFeatureSpec,
    pairs: Iterable[tuple[NDArray[np.int32] | None, NDArray[np.int32]]],
) -> Json:
    """Fits the prior on the training pairs.

    For `seq2seq` each source unit becomes the target unit, or nothing, that it most often is under monotone
    alignments of an even part of the pairs (`alignment.thinned`): seconds for any number of pairs. For
    `language_model` units are drawn one by one with their share among all units and ends of texts, each
    counted once more than it occurs.

    Args:
        features: tells the task and the sizes of the vocabularies.
        pairs: ids of source (None for `language_model`) and target, without begin and end.

    Returns:
        `{"task", "units": target id of each source id, 0 for nothing, "log_probabilities": of that outcome}`,
        or `{"task", "log_probabilities": of each target id}`.
    """
    size = features.target.size
    if features.source is None:
        counts = np.zeros(size)
        for _, target in pairs:
            counts += np.bincount(np.asarray(target, np.int64), minlength=size)[:size]
            counts[END] += 1
        counts[END:] += 1
        shares = np.where(counts > 0, counts, 1.0) / counts.sum()
        return {"task": features.task, "log_probabilities": [float(value) for value in np.log(shares)]}
    given = ((source, target) for source, target in pairs if source is not None)
    units, shares = alignment.most_frequent(alignment.thinned(given), features.source.size, size)
    units[units == UNKNOWN] = 0
    return {
        "task": features.task,
        "units": units.tolist(),
        "log_probabilities": [float(value) for value in np.log(shares)],
    }


class _Prior(tf.Module):
    def __init__(
        self, features: SequenceFeatureSpec, prior: Mapping[str, Any], transform: TransformGraph
    ) -> None:
        super().__init__(name="prior")
        transform.require(features.raw)
        self.transform = transform
        self._features = features
        self.log_probabilities = tf.Variable(prior["log_probabilities"], trainable=False, dtype=tf.float32)
        if features.source is not None:
            self.units = tf.Variable(prior["units"], trainable=False, dtype=tf.int32)
            self.joiner = Joiner(features.target)

    def answer(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """Outputs by name, as those of a trained model with one hypothesis."""
        columns = self.transform(raw, rows)
        source = self._features.source
        if source is None:
            return self._likelihoods(columns)
        read_ids = read(columns, "source", source)
        known = read_ids.ids > 0
        units = tf.gather(self.units, read_ids.ids)
        kept = tf.ragged.boolean_mask(units, known & (units > 0))
        hypotheses = tf.expand_dims(kept.to_tensor(), 1)
        likelihoods = _sum(tf.gather(self.log_probabilities, read_ids.ids), known)
        return {
            "texts": self.joiner(hypotheses),
            "scores": likelihoods / tf.cast(tf.maximum(read_ids.lengths, 1), tf.float32)[:, None],
            "log_probabilities": likelihoods,
            "status": read_ids.status,
        }

    def _likelihoods(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        text = read(columns, "target", self._features.target)
        ended = tf.cast(text.status != "truncated", tf.float32)[:, None]
        sums = _sum(tf.gather(self.log_probabilities, text.ids), text.ids > 0)
        likelihoods = sums + ended * self.log_probabilities[END]
        lengths = tf.cast(text.lengths, tf.float32)[:, None] + ended
        return {
            "log_probabilities": likelihoods,
            "perplexities": tf.exp(-likelihoods / tf.maximum(lengths, 1.0)),
            "lengths": tf.cast(lengths, tf.int64),
            "status": text.status,
        }


def _sum(values: Any, known: Any) -> Any:
    return tf.reduce_sum(tf.where(known, values, 0.0), axis=1, keepdims=True)


def export_sequence_prior(
    output_dir: str | Path,
    features: SequenceFeatureSpec,
    prior: Mapping[str, Any],
    transform_graph_dir: str | Path,
) -> None:
    """Exports the prior with the signatures and outputs of a trained model.

    Args:
        output_dir: where the SavedModel goes; replaced if it exists.
        features: the sequences; `raw` names the inputs.
        prior: what `fit_prior` found.
        transform_graph_dir: the transform graph of the training.

    Raises:
        TandemError: `EXPORT-001` or `EXPORT-002` if the transform graph does not fit, `EXPORT-004` if the
            model cannot be written, `EXPORT-029` if the prior is of another vocabulary.
    """
    wanted = (features.source or features.target).size
    found = {name: len(prior[name]) for name in ("units", "log_probabilities") if name in prior}
    if prior.get("task") != features.task or set(found.values()) != {wanted}:
        raise TandemError(
            "EXPORT-029",
            f"The prior must be one of {features.task} with {wanted} units. "
            f"Received: task={prior.get('task')!r}, {found}",
            "Run the train step again.",
        )
    module = _Prior(features, prior, TransformGraph(transform_graph_dir))
    save(module, make_signatures(features.raw, module.answer), features.raw, Path(output_dir))
