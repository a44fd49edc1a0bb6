"""The constant prediction as a model: the least that a candidate must beat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.data import LabelStatistics, prior_logits
from trainer.export.head import Head, HeadParameters
from trainer.export.serving import save
from trainer.export.signatures import make_signatures
from trainer.spec import FeatureSpec


class _Prior(tf.Module):
    def __init__(self, spec: FeatureSpec, labels: LabelStatistics) -> None:
        super().__init__(name="prior")
        parameters = HeadParameters()
        if spec.task == "regression":
            parameters = HeadParameters(label_mean=labels.mean, label_deviation=labels.deviation)
        self.head = Head(spec, parameters)
        self.logits = tf.Variable([prior_logits(spec.task, labels)], trainable=False, dtype=tf.float32)

    def answer(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        del raw
        return self.head(tf.repeat(self.logits, rows, axis=0))


def export_prior(output_dir: str | Path, spec: FeatureSpec, labels: LabelStatistics) -> None:
    """Exports the constant prediction with the signatures and outputs of a trained model.

    Args:
        output_dir: where the SavedModel goes; replaced if it exists.
        spec: the features; `raw` names the inputs.
        labels: of the training split.

    Raises:
        TandemError: `EXPORT-004` if it cannot be written.
    """
    prior = _Prior(spec, labels)
    save(prior, make_signatures(spec.raw, prior.answer), spec.raw, Path(output_dir))
