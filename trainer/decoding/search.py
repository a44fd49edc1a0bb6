"""The loops of a search: steps, and examples that leave as soon as they are through."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from trainer.decoding.beam import Beam, given
from trainer.decoding.hypotheses import Finished, Hypotheses, Live, first, nothing, reorder
from trainer.spec.sequence import BEGIN, DecodingSpec

SHRINK = 0.75
"""When no more than this share of the examples is open, the others leave."""


def beam_search(
    model: Any,
    memory: Any,
    batch: Any,
    spec: DecodingSpec,
    max_steps: int,
    temperature: float = 1.0,
    attention: bool = False,
    static: bool = False,
) -> Hypotheses:
    """The best targets of each example, found with `spec.beam` hypotheses side by side.

    A target is ranked by the logarithm of its probability with its end, divided by
    `length_normaliser(units + 1)`, plus `coverage_penalty`. The hypothesis of `greedy` stays in the beam
    until it can no longer win, so no answer is worse than the greedy one. A hypothesis may end only if the
    end is within `spec.end_margin` of its most probable unit. Live hypotheses end whose log-probability is
    more than `spec.score_pruning` below that of the best one, live or finished, and with `spec.early_stop`
    those that can no longer come among the best `spec.n_best`. After `max_steps` units the end is forced.
    Equal scores are in the order in which they were found, equal continuations in that of their ids.

    Args:
        model: with `begin` and `step` as `trainer.models.sequence.SequenceModel`; `source_mask` for a
            coverage penalty, and `attention` if it is asked for.
        memory: made by `model.encode`; None for a language model.
        batch: int or int32 scalar. Examples.
        spec: beam, rules and penalties.
        max_steps: int, at least 1. Most units of a target, the end not counted.
        temperature: float above 0, `t2` of the bi-tempered loss. Defaults to `1.0`.
        attention: bool. Whether the attention of the best target is wanted. Defaults to `False`.
        static: bool. Whether all shapes stay as they are, as XLA needs; then examples leave together.
            Defaults to `False`.

    Returns:
        `spec.n_best` targets of each example, all different, the best first. The first place is always
        taken; others are free, with a score of minus infinity, where fewer hypotheses came to an end.

    Reference: Wu et al., 2016, arXiv:1609.08144, section 7.
    """
    beam = Beam(model, spec, max_steps, temperature, only_greedy=False, static=static)
    found = _run(beam, memory, batch)
    return _with_attention(model, memory, found, static) if attention and memory is not None else found


def greedy(
    model: Any,
    memory: Any,
    batch: Any,
    spec: DecodingSpec,
    max_steps: int,
    temperature: float = 1.0,
    static: bool = False,
) -> Hypotheses:
    """The target of each example that takes the most probable unit or end at every step.

    Args:
        model: see `beam_search`.
        memory: made by `model.encode`; None for a language model.
        batch: int or int32 scalar. Examples.
        spec: of it only what scores are made of counts.
        max_steps: int, at least 1. Most units of a target, the end not counted.
        temperature: float above 0, `t2` of the bi-tempered loss. Defaults to `1.0`.
        static: bool. See `beam_search`. Defaults to `False`.

    Returns:
        One target of each example.
    """
    alone = dataclasses.replace(spec, beam=1, n_best=1)
    return _run(Beam(model, alone, max_steps, temperature, only_greedy=True, static=static), memory, batch)


def _loose(state: Any) -> Any:
    """Shapes that change: the number of examples, the width of ids, and what has no room yet and so grows.

    A cache with a method `loose` is asked which of its sizes grow too.
    """

    def one(tensor: tf.Tensor) -> tf.TensorShape:
        sizes = tensor.shape.as_list()
        return tf.TensorShape([None if axis == 0 or not size else size for axis, size in enumerate(sizes)])

    def wider(found: Any) -> Any:
        return found._replace(ids=tf.TensorShape([None, found.ids[1], None]))

    position, live, finished, cache, *others = tf.nest.map_structure(one, state)
    cache = state[3].loose(cache) if hasattr(state[3], "loose") else cache
    return position, wider(live), wider(finished), cache, *others


def _run(beam: Beam, memory: Any, batch: Any) -> Hypotheses:
    memory = () if memory is None else memory
    mask = beam.mask(memory, batch)
    steps = beam.max_steps if beam.static else 0
    fixed = {"fixed": True} if beam.static else {}
    cache = beam.model.begin(given(memory), batch, beam.spec.beam, beam.max_steps + 1, **fixed)
    state = (
        tf.constant(0),
        first(batch, steps, tf.shape(mask)[1]),
        nothing(batch, beam.spec.n_best, steps),
        reorder(cache, tf.zeros((batch, 1), tf.int32)),
    )
    if beam.spec.beam > 1:
        # The only hypothesis there is at first does not take the time of a whole beam.
        state = beam.step(*state, memory, mask)
    found = _steps(beam, state, memory, mask, 0)[2] if beam.static else _leaving(beam, state, memory, mask)
    return found.without_free()


def _steps(beam: Beam, state: Any, memory: Any, mask: tf.Tensor, limit: Any) -> Any:
    """Steps until no more than `limit` examples are open."""
    return tf.while_loop(
        lambda position, live, *_: (position <= beam.max_steps) & (_open(live) > limit),
        lambda position, live, finished, cache: beam.step(position, live, finished, cache, memory, mask),
        state,
        shape_invariants=None if beam.static else _loose(state),
        parallel_iterations=1,
        maximum_iterations=beam.max_steps + 1,
    )


def _open(live: Live) -> tf.Tensor:
    return tf.math.count_nonzero(live.open, dtype=tf.int32)


def _leaving(beam: Beam, state: Any, memory: Any, mask: tf.Tensor) -> Finished:
    """Steps, and now and then the examples that are through make room: the others go on without them."""

    def whole(finished: Finished) -> Finished:
        wide = tf.pad(finished.ids, [[0, 0], [0, 0], [0, beam.max_steps]])
        return finished._replace(ids=wide[..., : beam.max_steps])

    def shrink(position: Any, live: Live, finished: Finished, cache: Any, *more: Any) -> Any:
        memory, mask, rows, results = more
        limit = tf.cast(tf.floor(tf.cast(tf.size(rows), tf.float32) * SHRINK), tf.int32)
        state = (position, live, finished, cache)
        position, live, finished, cache = _steps(beam, state, memory, mask, limit)
        results = tf.nest.map_structure(
            lambda every, part: tf.tensor_scatter_nd_update(every, rows[:, None], part),
            results,
            whole(finished),
        )
        left = tf.reshape(tf.where(live.open), (-1,))
        kept = tf.nest.map_structure(
            lambda part: tf.gather(part, left), (live, finished, cache, memory, mask, rows)
        )
        return position, *kept, results

    rows = tf.range(tf.shape(state[1].last)[0])
    state = (*state, memory, mask, rows, whole(state[2]))
    return tf.while_loop(
        lambda position, live, *_: (position <= beam.max_steps) & (_open(live) > 0),
        shrink,
        state,
        shape_invariants=_loose(state),
        parallel_iterations=1,
    )[-1]


def _with_attention(model: Any, memory: Any, found: Hypotheses, static: bool) -> Hypotheses:
    """Reads the best targets once more, which is cheaper than to keep the attention of all hypotheses."""
    ids, lengths = found.ids[:, 0], found.lengths[:, :1]
    if not static:
        ids = ids[:, : tf.reduce_max(lengths)]
    weights = model.attention(memory, tf.pad(ids, [[0, 0], [1, 0]], constant_values=BEGIN))
    inside = tf.range(tf.shape(weights)[1]) <= lengths
    return found._replace(attention=tf.where(inside[..., None], weights, 0.0))
