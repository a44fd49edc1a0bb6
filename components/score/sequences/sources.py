"""The rows of a split as sources: rows of one source text are one example with several references."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from trainer.errors import TandemError

LENGTH = "source_length"
"""Slice column that scoring makes: the number of units of the source, as a range."""

_STEP, _EVEN, _LAST = 4, 32, 512


@dataclasses.dataclass
class Source:
    """A text that models are asked about.

    Args:
        text: of the source; of a language model the text itself.
        weight: float. That of its first row.
        columns: values of kept columns of its first row; those that are missing there are left out.
        references: the different targets, in the order of the rows; empty for a language model.
    """

    text: str
    weight: float
    columns: dict[str, bytes]
    references: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Sources:
    """What was read.

    Args:
        sources: in the order of their first rows.
        rows: int. All rows.
        left_out: number of rows without a source and without a target.
    """

    sources: list[Source]
    rows: int
    left_out: dict[str, int]


def read_sources(
    rows: Iterable[bytes],
    column: str,
    label: str | None,
    columns: Sequence[str] = (),
    weight_column: str | None = None,
) -> Sources:
    """Groups rows by equal source text.

    A source has the weight and the columns of its first row: without weights every source counts 1, however
    many references it has. Rows of a language model are not grouped.

    Args:
        rows: serialized `tf.Example`s.
        column: the column that the model reads.
        label: the column of the target, or None for a language model.
        columns: kept for slices. Defaults to `()`.
        weight_column: column with the weight of a row. Defaults to `None`.

    Returns:
        The sources.

    Raises:
        TandemError: `SCORE-011` if a row has no weight.
    """
    found: list[Source] = []
    known: dict[str, Source] = {}
    count, left_out = 0, {"source": 0, "target": 0}
    for row in rows:
        count += 1
        features = tf.train.Example.FromString(row).features.feature
        text = _text(features, column)
        target = text if label is None else _text(features, label)
        if not text or not target:
            left_out["source" if not text else "target"] += 1
            continue
        source = known.get(text) if label is not None else None
        if source is None:
            kept = {name: value for name in columns if (value := _value(features, name)) is not None}
            source = known[text] = Source(text, _weight(features, weight_column), kept)
            found.append(source)
        if label is not None and target not in source.references:
            source.references.append(target)
    return Sources(found, count, left_out)


def _value(features: Mapping[str, tf.train.Feature], name: str) -> bytes | None:
    values = features[name].bytes_list.value if name in features else ()
    return values[0] if values else None


def _text(features: Mapping[str, tf.train.Feature], name: str) -> str:
    return (_value(features, name) or b"").decode("utf-8", "replace")


def _weight(features: Mapping[str, tf.train.Feature], name: str | None) -> float:
    if name is None:
        return 1.0
    values = list(features[name].float_list.value) if name in features else []
    if len(values) != 1:
        raise TandemError(
            "SCORE-011", f"Expected one weight in every row. Received: {len(values)} values of '{name}'"
        )
    return float(values[0])


def length_range(units: int) -> str:
    """The range of a number of units: four wide up to 32, then each twice as wide as those before.

    Example:
        >>> [length_range(units) for units in (1, 4, 5, 32, 33, 64, 65, 512, 513)]
        ['001-004', '001-004', '005-008', '029-032', '033-064', '033-064', '065-128', '257-512', '513+']
    """
    if units > _LAST:
        return f"{_LAST + 1}+"
    if units > _EVEN:
        high = 1 << (units - 1).bit_length()
        low = high // 2
    else:
        low = (units - 1) // _STEP * _STEP
        high = low + _STEP
    return f"{low + 1:03d}-{high:03d}"
