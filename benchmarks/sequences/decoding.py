"""Words per second of beam search, beside the same search that runs the decoder over every prefix."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.sequences.ours import layers, stepper
from benchmarks.sequences.rows import PLAN, Rows
from benchmarks.training.worker import use_cores
from trainer.data.sequence import BucketOrder, training_batches
from trainer.decoding import Hypotheses, beam_search
from trainer.models.sequence import SequenceModel
from trainer.spec import DecodingSpec

STEPS = 600
"""Of a training that is short and long enough for hypotheses of the length of pronunciations."""
WORDS, BATCH = 1024, 128
CACHED, UNCACHED, WHOLE = "cached", "decoder anew", "model anew"
SPEC = DecodingSpec(beam=8, n_best=4)

Ids = NDArray[np.int32]
Search = Callable[[Any], Hypotheses]


class Uncached:
    """A model whose steps keep nothing but the units so far, as `beam_search` wants it.

    Args:
        model: the model.
    """

    def __init__(self, model: SequenceModel) -> None:
        self._model = model

    def begin(self, memory: Any, batch: Any, hypotheses: Any, max_steps: int) -> Any:
        """Room for the ids of every hypothesis, `(batch, hypotheses, max_steps)`."""
        del memory
        return tf.zeros((batch, hypotheses, max_steps), tf.int32)

    def step(self, memory: Any, cache: Any, ids: Any, position: Any) -> tuple[Any, Any, None]:
        """Runs the decoder over all units so far; the logits of the last, and no attention."""
        here = tf.range(tf.shape(cache)[2]) == position
        cache = tf.where(here, ids[..., None], cache)
        shape = tf.shape(ids)
        given = tf.reshape(cache[:, :, : position + 1], (shape[0] * shape[1], position + 1))
        repeated = tf.nest.map_structure(lambda part: tf.repeat(part, shape[1], axis=0), memory)
        logits = self._model.decode(repeated, given)[:, -1]
        return tf.reshape(logits, (shape[0], shape[1], logits.shape[-1])), cache, None


class Whole(Uncached):
    """The same without the encoder's outcome: every step runs the whole model, as plain examples do.

    What it takes for the memory are the ids of the sources, `(batch, units)`.
    """

    def step(self, memory: Any, cache: Any, ids: Any, position: Any) -> tuple[Any, Any, None]:
        """Encodes, then decodes all units so far."""
        return super().step(self._model.encode(memory), cache, ids, position)


def limited(threads: int) -> None:
    """Leaves this process so many cores and threads."""
    use_cores(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def trained(rows: Rows, size: str, kind: str, steps: int = STEPS) -> SequenceModel:
    """A model after a short training with the schedule of the default plan."""
    table = rows.table()
    order = BucketOrder(table, PLAN.buckets, PLAN.batch_tokens, seed=1)
    model, taker = stepper(rows.features, layers(size, kind), PLAN, steps)
    for batch in training_batches(table, order, 0, [1] * steps):
        taker.train(batch)
    return model


def searches(model: SequenceModel, max_steps: int) -> dict[str, Search]:
    """The searches by name, compiled."""

    def compiled(stepping: Any, begun: Callable[[Any], Any] = model.encode) -> Search:
        def search(ids: Any) -> Hypotheses:
            return beam_search(stepping, begun(ids), tf.shape(ids)[0], SPEC, max_steps)

        traced: Search = tf.function(search, input_signature=[tf.TensorSpec([None, None], tf.int32)])
        return traced

    return {
        CACHED: compiled(model),
        UNCACHED: compiled(Uncached(model)),
        WHOLE: compiled(Whole(model), tf.identity),
    }


def padded(sources: list[Ids], size: int = BATCH) -> list[Ids]:
    """Batches of sources of similar length."""
    ordered = sorted(sources, key=len)
    return [
        np.array([np.pad(ids, (0, len(part[-1]) - len(ids))) for ids in part], np.int32)
        for part in (ordered[at : at + size] for at in range(0, len(ordered), size))
    ]


def measured(rows: Rows, size: str, kind: str, rounds: int, threads: int) -> dict[str, Any]:
    """The searches in turns: seconds of each round by name, how many words, and what differs.

    Returns:
        `seconds` by name, `words`, `different` (words whose best hypotheses differ in a unit), and the
        greatest difference of their `scores`.
    """
    limited(threads)
    model = trained(rows, size, kind)
    compiled = searches(model, rows.features.target.max_length)
    batches = [tf.constant(batch) for batch in padded(rows.sources(WORDS))]
    taken: dict[str, list[float]] = {}
    answers: dict[str, list[Hypotheses]] = {}
    for _ in range(rounds + 1):
        for name, search in compiled.items():
            started = time.perf_counter()
            answers[name] = [search(batch) for batch in batches]
            answers[name][-1].scores.numpy()
            taken.setdefault(name, []).append(time.perf_counter() - started)
    pairs = [pair for name in (UNCACHED, WHOLE) for pair in zip(answers[CACHED], answers[name], strict=True)]
    different = sum(
        int(tf.math.count_nonzero(tf.reduce_any(one.ids[:, 0] != other.ids[:, 0], -1)))
        for one, other in pairs
    )
    scores = max(float(tf.reduce_max(tf.abs(one.scores[:, 0] - other.scores[:, 0]))) for one, other in pairs)
    return {
        "seconds": {name: seconds[1:] for name, seconds in taken.items()},
        "words": sum(len(batch) for batch in batches),
        "different": different,
        "scores": scores,
    }
