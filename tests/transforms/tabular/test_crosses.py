"""Crosses, against an independent computation with Python integers."""

from __future__ import annotations

import hashlib

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.tabular import hashing

MASK = 2**64 - 1


def fingerprint(text: str) -> int:
    return int.from_bytes(tf.fingerprint([text]).numpy()[0].tobytes(), "little") % 2**62


def mix(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def cross(name: str, tokens: list[int], buckets: int) -> int:
    state = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    for token in tokens:
        state = mix(state ^ token)
    return state % buckets


@pytest.mark.parametrize("part", ["wide", "deep"])
def test_a_cross_of_text_equals_the_python_computation(shop, part):
    rows = zip(shop.table["city"], shop.table["brand"], strict=True)
    expected = [cross("city_x_brand", [fingerprint(v or "") for v in row], 1_000_003) for row in rows]
    assert shop.ids(part, "city_x_brand") == expected


def test_a_cross_takes_buckets_and_calendar_parts_by_their_ids(shop):
    name = "color_x_price_x_time.hour"
    text = [fingerprint(v or "") for v in shop.table["color"]]
    numbers, hours = shop.ids("wide", "price.bucket"), shop.ids("wide", "time.hour")
    expected = [cross(name, list(row), 1_000_003) for row in zip(text, numbers, hours, strict=True)]
    assert shop.ids("wide", name) == expected


def test_the_boundary_between_values_and_missing_values_count(shop):
    outputs = shop.apply(
        {"city": ["a", "ab", "abc", None, "abc", None], "brand": ["bc", "c", None, "abc", "", None]}
    )
    ids = shop.ids("wide", "city_x_brand", outputs)
    assert ids[2] == ids[4]
    assert len(set(ids)) == 5


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, MASK), min_size=1, max_size=8))
def test_the_mixer_equals_the_python_computation(values):
    assert hashing.mix(tf.constant(values, tf.uint64)).numpy().tolist() == [mix(v) for v in values]


def test_salts_are_exact_in_a_graph_too():
    names = [f"column {i}" for i in range(20)]
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    expected = [int.from_bytes(digest, "little") for digest in digests]
    assert max(expected) >= 2**63 > min(expected)
    assert tf.function(lambda: hashing.salts(names))().numpy().tolist() == expected
