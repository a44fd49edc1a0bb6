"""The exported sequence model: transform graph, model and beam search in one SavedModel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.data.sequence.forcing import teacher_forcing
from trainer.decoding import Hypotheses, beam_search
from trainer.errors import TandemError
from trainer.export.sequence.inputs import EMPTY, TRUNCATED, read
from trainer.export.sequence.texts import Joiner
from trainer.export.serving import save
from trainer.export.signatures import make_signatures, parse_raw
from trainer.export.transform_graph import TransformGraph
from trainer.losses import tempered_log_softmax
from trainer.models.sequence import SequenceModel
from trainer.quantisation import StoredWeights
from trainer.spec import DecodingSpec, SequenceFeatureSpec
from trainer.storage import write_json

FEATURES = "assets.extra/feature_spec.json"
"""In the SavedModel, the feature specification: task, units of both sides and raw inputs."""
EXPLAIN = "explain"
NEVER = -1e9
"""Score and log-probability of an empty text in the place of a hypothesis that was not found."""
MOST_EXPONENT = 88.0
"""Logarithm of the greatest perplexity; that of a text nearly without probability would be infinite."""


class SequenceServer(tf.Module):
    """Answers raw texts with the trained model.

    Args:
        features: the sequences.
        model: trained model; its weights are copied as they are now.
        decoding: beam search.
        temperature: float above 0. Of the softmax that makes probabilities of logits.
        transform: the transform graph of the training.
        int8: bool. Whether kernels and tables are stored in 8 bits. Defaults to `False`.

    Raises:
        TandemError: `EXPORT-002` if the transform graph does not fit, `EXPORT-021` if there is not one raw
            feature.
    """

    difference_scale = 1.0
    """What differences from recorded answers are divided by."""

    def __init__(
        self,
        features: SequenceFeatureSpec,
        model: SequenceModel,
        decoding: DecodingSpec,
        temperature: float,
        transform: TransformGraph,
        int8: bool = False,
    ) -> None:
        super().__init__(name="server")
        if len(features.raw) != 1:
            raise TandemError(
                "EXPORT-021",
                f"A served sequence model reads one column. Received: raw={features.raw}",
                "Make the feature specification from a transform graph.",
                exit_status=2,
            )
        transform.require(features.raw)
        self.transform = transform
        self.weights = StoredWeights(model, int8)
        self._features, self._decoding, self._temperature = features, decoding, temperature
        # Behind a function: what a module holds itself would be saved with it.
        self._model: Callable[[], SequenceModel] = lambda: model
        self._joiner = Joiner(features.target)
        before_export = tf.function(
            lambda examples: self.answer(
                parse_raw(examples, features.raw), tf.shape(examples, out_type=tf.int64)[0]
            ),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        self._before_export: Callable[[], Any] = lambda: before_export

    def answer(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """Outputs by name from sparse raw features; `rows` is their number, int64 scalar.

        With a source: `texts` string, `scores` and `log_probabilities` float32, all `(rows, n_best)`, best
        first, and `status` string `(rows,)`, see `trainer.export.sequence.inputs.Ids`. An empty source is
        answered by empty texts with scores of 0; hypotheses that were not found are empty, with `NEVER`.

        A language model: `log_probabilities` and `perplexities` float32 and `lengths` int64, all
        `(rows, 1)`, and `status`; the end of a text counts as a unit of it, but of a text that was cut off
        only the beginning counts.
        """
        columns = self.transform(raw, rows)
        with self.weights.in_use():
            return self._likelihood(columns) if self._features.source is None else self._best(columns)

    def explain(self, examples: Any) -> dict[str, Any]:
        """What the best hypothesis of each source looked at; not for a language model.

        Args:
            examples: string `(rows,)`, serialized.

        Returns:
            `source_units` string `(rows, source)` and `units` string `(rows, target)`, padded with empty
            texts, and `attention` float32 `(rows, target, source)`: for each unit of the hypothesis the
            weights of the source units, a mean over heads. An empty text has neither.
        """
        source_units = self._features.source
        assert source_units is not None
        columns = self.transform(
            parse_raw(examples, self._features.raw), tf.shape(examples, out_type=tf.int64)[0]
        )
        source = read(columns, "source", source_units)
        with self.weights.in_use():
            found = self._search(source.ids, attention=True)
        assert found.attention is not None
        longest = tf.shape(found.attention)[1] - 1
        # What is answered for an empty text is not what the search made of it.
        ids = tf.where((source.status == EMPTY)[:, None], 0, found.ids[:, 0, :longest])
        return {
            "source_units": Joiner(source_units).units(source.ids),
            "units": self._joiner.units(ids),
            "attention": found.attention[:, :longest],
        }

    def _search(self, source_ids: Any, attention: bool = False) -> Hypotheses:
        model = self._model()
        return beam_search(
            model,
            model.encode(source_ids),
            tf.shape(source_ids)[0],
            self._decoding,
            self._features.target.max_length,
            self._temperature,
            attention,
        )

    def _best(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        assert self._features.source is not None
        source = read(columns, "source", self._features.source)
        found = self._search(source.ids)
        empty = (source.status == EMPTY)[:, None]

        def known(values: Any) -> Any:
            # JSON has no infinity.
            return tf.where(empty, 0.0, tf.maximum(values, NEVER))

        return {
            "texts": tf.where(empty, "", self._joiner(found.ids)),
            "scores": known(found.scores),
            "log_probabilities": known(found.log_probabilities),
            "status": source.status,
        }

    def _likelihood(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        text = read(columns, "target", self._features.target)
        given, labels, weights = teacher_forcing(text.ids, tf.ones_like(text.lengths, tf.float32))
        logits = tf.cast(self._model()({"target_in": given}, training=False), tf.float32)
        logarithms = tempered_log_softmax(logits, self._temperature)
        chosen = tf.gather(logarithms, labels, batch_dims=2)
        ended = tf.cast(text.status != TRUNCATED, tf.int32)
        lengths = text.lengths + ended
        counted = tf.range(tf.shape(given)[1])[None] < lengths[:, None]
        total = tf.reduce_sum(tf.where(counted & (weights > 0), chosen, 0.0), axis=1, keepdims=True)
        units = tf.cast(lengths, tf.float32)[:, None]
        return {
            "log_probabilities": total,
            "perplexities": tf.exp(tf.minimum(-total / units, MOST_EXPONENT)),
            "lengths": tf.cast(lengths, tf.int64)[:, None],
            "status": text.status,
        }

    def predict_examples(self, examples: Any, raw: Mapping[str, str]) -> dict[str, Any]:
        """Outputs by name for serialized examples `(batch,)`, computed before any export."""
        del raw
        found: dict[str, Any] = self._before_export()(examples)
        return found


def export_sequence_server(
    output_dir: str | Path, features: SequenceFeatureSpec, server: SequenceServer
) -> None:
    """Exports a SavedModel with `FEATURES` beside it.

    Its signatures are `serving_default` and `predict`, and with a source `explain`, see
    `SequenceServer.explain`.

    Raises:
        TandemError: `EXPORT-004` if it cannot be written.
    """
    signatures = make_signatures(features.raw, server.answer)
    if features.source is not None:
        explain = tf.function(server.explain, autograph=False)
        signatures[EXPLAIN] = explain.get_concrete_function(tf.TensorSpec([None], tf.string, name="examples"))
    save(server, signatures, features.raw, Path(output_dir))
    write_json(Path(output_dir) / FEATURES, features.to_json())
