"""Vocabularies of units: learned in one pass over the data, kept in a file of a unit a line, looked up by it.

The number of a line is the id of its unit. The first lines stand for padding, begin, end and unknown; they
begin with a space, which no unit does that is longer than the space itself. Line ends, which are units where
characters are, are written as two characters.
"""

from __future__ import annotations

import collections
import heapq
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from transforms.text import wordpiece
from transforms.text.layout import Text

SPECIAL: Final = (" padding", " begin", " end", " unknown")
UNKNOWN_ID: Final = 3
_ESCAPED: Final = {"\n": "\\n", "\r": "\\r"}
_PLAIN: Final = {escaped: unit for unit, escaped in _ESCAPED.items()}
_FLUSH_UNITS: Final = 1_000_000


class _CountUnits(beam.DoFn):
    """Counts units; emits partial counts."""

    def __init__(self) -> None:
        self._counts: collections.Counter[bytes] = collections.Counter()

    def start_bundle(self) -> None:
        self._counts = collections.Counter()

    def process(self, batch: tuple[Any, ...]) -> Iterator[tuple[bytes, int]]:
        self._counts.update(batch[0].tolist())
        if len(self._counts) > _FLUSH_UNITS:
            yield from self._counts.items()
            self.start_bundle()

    def finish_bundle(self) -> Iterator[Any]:
        for item in self._counts.items():
            yield beam.transforms.window.GlobalWindows.windowed_value(item)


def most_frequent(counts: Iterable[tuple[str, int]], size: int | None, min_count: int) -> list[str]:
    """Units that occur at least `min_count` times, the most frequent first, then by their bytes.

    Example:
        >>> most_frequent([("b", 2), ("a", 2), ("c", 3), ("d", 1)], size=3, min_count=1)
        ['c', 'a', 'b']
    """
    frequent = [item for item in counts if item[1] >= min_count]

    def rank(item: tuple[str, int]) -> tuple[int, bytes]:
        return -item[1], item[0].encode()

    chosen = sorted(frequent, key=rank) if size is None else heapq.nsmallest(size, frequent, rank)
    return [unit for unit, _ in chosen]


def _learn(counts: Iterable[tuple[str, int]], text: Text) -> list[str]:
    if text.units == "subwords":
        found = wordpiece.learn(dict(counts), text.vocabulary_size or 1, text.min_count)
        return [piece for piece, _ in found]
    return most_frequent(counts, text.vocabulary_size, text.min_count)


class _Analyzer(tft_beam.experimental.PTransformAnalyzer):
    """Batches of units, or of tokens for subwords, to the path of the file."""

    def __init__(self, text: Text) -> None:
        super().__init__()
        self._text = text

    def expand(self, pcoll: Any) -> Any:
        text, directory = self._text, self.base_temp_dir

        def write(counts: list[tuple[bytes, int]]) -> Any:
            units = _learn([(unit.decode(), count) for unit, count in counts], text)
            tf.io.gfile.makedirs(directory)
            path = posixpath.join(directory, text.file)
            lines = "".join(f"{_ESCAPED.get(unit, unit)}\n" for unit in (*SPECIAL, *units))
            with tf.io.gfile.GFile(path, "wb") as file:
                file.write(lines.encode())
            return np.array(path)

        return (
            pcoll
            | "CountUnits" >> beam.ParDo(_CountUnits())
            | "SumCounts" >> beam.CombinePerKey(sum)
            | "Gather" >> beam.combiners.ToList()
            | "Write" >> beam.Map(write)
        )


def analysed(units: Any, text: Text) -> Any:
    """Learns the vocabulary of a column.

    Args:
        units: string tensor `(n,)` of the units of a batch, or of its tokens for subwords.
        text: how they are learned.

    Returns:
        Path of the vocabulary's file, string scalar.
    """
    placeholder = "".join(f"{line}\n" for line in SPECIAL).encode()
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[units],
        ptransform=_Analyzer(text),
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[placeholder],
        name=text.file.removesuffix(".txt"),
    )
    return path


def look_up(units: Any, path: Any, missing: int) -> Any:
    """Ids of units by the file of a vocabulary, `missing` where it has none; `(n,)` to int64 `(n,)`."""
    for unit, escaped in _ESCAPED.items():
        units = tf.where(tf.equal(units, unit), escaped, units)
    return tft.apply_vocabulary(
        units, path, default_value=missing, lookup_fn=lambda keys, file: _table(keys, file, missing)
    )


def _table(keys: Any, path: Any, missing: int) -> tuple[Any, Any]:
    def table() -> Any:
        return tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                path,
                key_dtype=tf.string,
                key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
                value_dtype=tf.int64,
                value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            default_value=missing,
        )

    if tf.inside_function() and not tf.is_symbolic_tensor(path):
        # The file is known: the table is made once, outside of the graph of a batch.
        with tf.init_scope():
            lookup = table()
            size = lookup.size()
    else:
        lookup = table()
        size = lookup.size()
    return lookup.lookup(keys), size


def read(path: str) -> list[str]:
    """The units of a vocabulary's file, in the order of their ids, which begin at `len(SPECIAL)`."""
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().decode().split("\n")[len(SPECIAL) : -1]
    return [_PLAIN.get(line, line) for line in lines]


def asset_path(file: str) -> str:
    """Path of a vocabulary's file in a transform graph directory."""
    return str(PurePosixPath("transform_fn", "assets", file))
