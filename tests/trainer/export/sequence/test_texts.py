"""From ids to texts by the kind of the units, and from the transform's columns to ids."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.export.sequence.inputs import read
from trainer.export.sequence.texts import Joiner
from trainer.spec import UnitKind, UnitsSpec


def joined(kind: UnitKind, units: list[str]) -> str:
    """One text of units that are all in the vocabulary."""
    known = tuple(dict.fromkeys(units))
    ids = [4 + known.index(unit) for unit in units]
    return str(
        Joiner(UnitsSpec("text", kind, known, 20))(tf.constant([[[*ids, 0, 0]]])).numpy()[0, 0].decode()
    )


@pytest.mark.parametrize(
    ("kind", "units", "text"),
    [
        ("characters", ["a", " ", "ü", "a"], "a üa"),
        ("letters", ["n", "o"], "no"),
        ("tokens", ["AH0", "B", "."], "AH0 B ."),
        ("words", ["well", ",", "it", "(", "really", ")", "is", "!"], "well, it (really) is!"),
        ("words", ["«", "oui", "»", "a"], "«oui» a"),
        ("subwords", ["walk", "##ing", "##.", "home"], "walking. home"),
        ("subwords", ["##ing"], "ing"),
    ],
)
def test_units_are_joined_by_their_kind(kind: UnitKind, units: list[str], text: str) -> None:
    assert joined(kind, units) == text


def test_an_unknown_unit_is_shown_and_padding_is_not() -> None:
    joiner = Joiner(UnitsSpec("text", "characters", ("a",), 3))
    assert joiner(tf.constant([[[4, 3, 0], [0, 0, 0]]])).numpy().tolist() == [["a\ufffd".encode(), b""]]


def columns(rows: list[list[int]]) -> dict[str, tf.SparseTensor]:
    ragged = tf.ragged.constant(rows, tf.int64, ragged_rank=1)
    return {"source_ids": ragged.to_sparse()}


def test_long_texts_are_cut_and_every_text_has_its_status() -> None:
    units = UnitsSpec("word", "characters", ("a", "b"), 3)
    found = read(columns([[4, 5], [], [4, 3], [4, 5, 4, 3]]), "source", units)
    assert found.ids.numpy().tolist() == [[4, 5, 0], [0, 0, 0], [4, 3, 0], [4, 5, 4]]
    assert found.lengths.numpy().tolist() == [2, 0, 2, 3]
    assert found.status.numpy().tolist() == [b"ok", b"empty", b"unknown", b"truncated"]


@pytest.mark.parametrize("rows", [[[]], [[], []]])
def test_nothing_but_empty_texts_is_one_position_wide(rows: list[list[int]]) -> None:
    found = read(columns(rows), "source", UnitsSpec("word", "characters", ("a",), 3))
    np.testing.assert_array_equal(found.ids.numpy(), np.zeros((len(rows), 1)))


def test_a_batch_of_nothing_is_read() -> None:
    empty = tf.SparseTensor(tf.zeros([0, 2], tf.int64), tf.zeros([0], tf.int64), [0, 0])
    found = read({"source_ids": empty}, "source", UnitsSpec("word", "characters", ("a",), 3))
    assert found.ids.shape == (0, 1)
    assert found.status.shape == (0,)
