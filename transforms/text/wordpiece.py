"""Subwords: learned from counted words by the library tokenizers, found in the graph by longest match.

The trainer of the library orders marked pieces by a random hash, so that ties would make every training
another one. Here each character becomes a symbol of its own for each of its two places, first in a word or
further on, and the library's trainer learns pieces of these symbols: the same pieces, in a fixed order.

Reference: Schuster and Nakajima, 2012, Japanese and Korean Voice Search; Song et al., 2021, arXiv:2012.15524
(longest match).
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import tensorflow as tf

from transforms.text.segments import MARKER, MOST_CHARACTERS

_FIRST_SYMBOL: Final = 0x10000
_REPEATS: Final = 1000
LONGEST_PIECE: Final = 20
"""Characters of the longest piece that is learned, without its marker."""


def _places(word: str) -> list[str]:
    return [word[:1], *(MARKER + letter for letter in word[1:])]


def learn(counts: Mapping[str, int], size: int, min_count: int) -> list[tuple[str, int]]:
    """Learns pieces of words.

    Args:
        counts: how often each word occurs.
        size: most pieces. At least 1.
        min_count: least number of occurrences of a character in its place, and of a pair to be joined.

    Returns:
        Pieces and how often they occur in the words, the most frequent first, then by their bytes. All
        single characters are there, of the longer pieces those that occur.

    Example:
        >>> [piece for piece, _ in learn({"low": 5, "lower": 2}, size=8, min_count=2)]
        ['low', '##er', '##e', '##o', '##r', '##w', 'l']
    """
    words = {word: count for word, count in sorted(counts.items()) if len(word) <= MOST_CHARACTERS}
    places: collections.Counter[str] = collections.Counter()
    for word, count in words.items():
        for place in _places(word):
            places[place] += count
    ranked = sorted(places.items(), key=lambda item: (-item[1], item[0]))
    known = sorted(place for place, count in ranked[:size] if count >= min_count)
    symbols = {place: chr(_FIRST_SYMBOL + number) for number, place in enumerate(known)}
    texts = {symbol: place for place, symbol in symbols.items()}
    pieces = {*known, *(_piece(found, texts) for found in _train(words, symbols, size, min_count))}
    used = _occurrences(words, pieces)
    kept = [piece for piece in pieces if used[piece] or piece in symbols]
    return sorted(((piece, used[piece]) for piece in kept), key=lambda item: (-item[1], item[0].encode()))


def _piece(symbols: str, texts: Mapping[str, str]) -> str:
    first, *others = (texts[symbol] for symbol in symbols)
    return first + "".join(place.removeprefix(MARKER) for place in others)


def _train(words: Mapping[str, int], symbols: Mapping[str, str], size: int, min_count: int) -> Iterator[str]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    def corpus() -> Iterator[str]:
        for word, count in words.items():
            # A place that is too rare is a gap: pieces end before it.
            coded = "".join(symbols.get(place, " ") for place in _places(word)) + " "
            for start in range(0, count, _REPEATS):
                yield coded * min(_REPEATS, count - start)

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_count,
        special_tokens=[],
        show_progress=False,
        max_token_length=LONGEST_PIECE,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    yield from tokenizer.get_vocab()


def _occurrences(words: Mapping[str, int], pieces: set[str]) -> collections.Counter[str]:
    from tokenizers import models

    vocabulary = {piece: number for number, piece in enumerate(sorted(pieces))} | {"": len(pieces)}
    model = models.WordPiece(vocabulary, unk_token="", max_input_chars_per_word=MOST_CHARACTERS)
    found: collections.Counter[str] = collections.Counter()
    for word, count in words.items():
        for token in model.tokenize(word):
            found[token.value] += count
    return found


def longest_match(words: Any, look_up: Callable[[Any], Any], unknown: int) -> Any:
    """Ids of the pieces of words, by stock operations.

    All pieces that a word could have are looked up at once, each different word of the batch once; then a
    loop of at most `MOST_CHARACTERS` steps walks through all words together.

    Args:
        words: string tensor `(words,)`, valid UTF-8, none empty.
        look_up: function from pieces `(n,)` to their int64 ids `(n,)`, negative where not known.
        unknown: id of a word that the pieces do not cover.

    Returns:
        RaggedTensor int64 `(words, None)` of ids, at least one for each word.
    """
    different, place = tf.unique(words, out_idx=tf.int64)
    characters = tf.strings.length(different, unit="UTF8_CHAR")
    short = characters <= MOST_CHARACTERS
    starts = tf.ragged.range(tf.where(short, characters, 0), row_splits_dtype=tf.int64)
    owner, start = starts.value_rowids(), starts.flat_values
    most = tf.minimum(LONGEST_PIECE, tf.gather(characters, owner) - start)
    spans = tf.ragged.range(1, most + 1, row_splits_dtype=tf.int64)
    begin, length = spans.value_rowids(), spans.flat_values
    at = tf.gather(start, begin)
    pieces = tf.strings.substr(tf.gather(different, tf.gather(owner, begin)), at, length, unit="UTF8_CHAR")
    ids = look_up(tf.where(at > 0, tf.strings.join([MARKER, pieces]), pieces))
    # Length and id of the longest known piece at each place, in one number.
    packed = tf.where(ids >= 0, tf.bitwise.left_shift(tf.cast(length, tf.int64), 32) + ids, 0)
    best = tf.math.unsorted_segment_max(packed, begin, tf.size(start, out_type=tf.int64))
    best = tf.maximum(best, 0)
    used, stuck = _walk(starts, tf.bitwise.right_shift(best, 32))
    stuck = tf.logical_or(stuck, tf.logical_not(short))
    used = tf.logical_and(used, tf.logical_not(tf.gather(stuck, owner)))
    rows = tf.size(different, out_type=tf.int64)
    found = tf.RaggedTensor.from_value_rowids(
        tf.bitwise.bitwise_and(tf.boolean_mask(best, used), 0xFFFFFFFF),
        tf.boolean_mask(owner, used),
        nrows=rows,
        validate=False,
    )
    gaps = tf.RaggedTensor.from_row_lengths(
        tf.fill([tf.math.count_nonzero(stuck)], tf.constant(unknown, tf.int64)),
        tf.cast(stuck, tf.int64),
        validate=False,
    )
    return tf.gather(tf.concat([found, gaps], axis=1), place)


def _walk(starts: Any, steps: Any) -> tuple[Any, Any]:
    """Which places begin a piece, and which words have a place that none begins at."""
    total = tf.size(steps, out_type=tf.int64)
    # One more place, which words that are done stay at.
    steps = tf.concat([steps, [0]], axis=0)
    limits = starts.row_limits()

    def going(place: Any, visited: Any, stuck: Any) -> Any:
        del visited
        return tf.reduce_any(tf.logical_and(place < limits, tf.logical_not(stuck)))

    def step(place: Any, visited: Any, stuck: Any) -> Any:
        active = tf.logical_and(place < limits, tf.logical_not(stuck))
        here = tf.where(active, place, total)
        width = tf.gather(steps, here)
        visited = tf.tensor_scatter_nd_max(visited, here[:, tf.newaxis], tf.ones_like(width))
        stuck = tf.logical_or(stuck, tf.logical_and(active, tf.equal(width, 0)))
        return place + width, visited, stuck

    first = starts.row_starts()
    visited = tf.zeros([total + 1], tf.int64)
    _, visited, stuck = tf.while_loop(
        going,
        step,
        (first, visited, tf.zeros_like(first, tf.bool)),
        shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([None])),
        maximum_iterations=MOST_CHARACTERS + 1,
    )
    return tf.greater(visited[:-1], 0), stuck
