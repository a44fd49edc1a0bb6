"""A few validation sources, decoded at each evaluation: what the loss alone does not tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from trainer.data.sequence import SequenceTable
from trainer.decoding import greedy
from trainer.models.sequence import SequenceModel
from trainer.quantisation import fake_quantised
from trainer.spec import DecodingSpec

_MOST_SOURCES = 256


class DecodedSample:
    """Greedy hypotheses of up to 256 different sources, evenly spread over the split.

    Args:
        table: the validation split. Rows of equal source are one source with several targets.
        model: made by `build_sequence_model`.
        temperature: float above 0. Of the softmax that makes probabilities of logits.
    """

    def __init__(self, table: SequenceTable, model: SequenceModel, temperature: float) -> None:
        targets: dict[bytes, set[bytes]] = {}
        rows: dict[bytes, int] = {}
        for row, (source, target) in enumerate(table.pairs()):
            key = source.tobytes()
            targets.setdefault(key, set()).add(target.tobytes())
            rows.setdefault(key, row)
        spread = np.linspace(0, len(rows) - 1, min(_MOST_SOURCES, len(rows))).round().astype(int)
        keys = list(rows)
        chosen = np.array([rows[keys[index]] for index in spread])
        self._targets = [targets[keys[index]] for index in spread]
        self._sources = table.source.take(chosen, int(table.source.lengths[chosen].max()))
        # A hypothesis longer than all of its targets is wrong wherever it would end.
        most = max(len(target) for found in self._targets for target in found) // np.int32().itemsize + 1

        def decode(sources: Any, quantised: bool) -> Any:
            with fake_quantised(model, quantised):
                found = greedy(
                    model, model.encode(sources), tf.shape(sources)[0], DecodingSpec(), most, temperature
                )
            return found.ids[:, 0], found.lengths[:, 0]

        self._decode = tf.function(decode, autograph=False)

    def exact_match(self, quantised: bool = False) -> float:
        """Share of the sources whose hypothesis equals one of their targets.

        Args:
            quantised: bool. Whether weights are rounded as those of an int8 model. Defaults to `False`.
        """
        ids, lengths = (part.numpy() for part in self._decode(tf.constant(self._sources), quantised))
        right = [
            found[:length].astype(np.int32).tobytes() in targets
            for found, length, targets in zip(ids, lengths, self._targets, strict=True)
        ]
        return float(np.mean(right))
