"""Hashes of text, against published values: a hash that changes moves every id of every served model."""

from __future__ import annotations

import pytest
import tensorflow as tf

from transforms.tabular import hashing


@pytest.mark.parametrize(
    ("text", "fingerprint"),
    [
        ("1footrue", -1541654101129638711),
        ("2applefalse", 2794438866806483259),
        ("3true", -4880158226897771312),
    ],
)
def test_text_has_its_farmhash_fingerprint(text: str, fingerprint: int) -> None:
    """The examples of `FARM_FINGERPRINT` in the reference of BigQuery, signed 64-bit integers."""
    assert hashing.tokens(tf.constant([text])).numpy().tolist() == [fingerprint % 2**62]


def test_the_hash_bucket_of_a_text_stays_what_it_was() -> None:
    # In integers: mix(fingerprint % 2**62 ^ BLAKE2b of the name) % 1000.
    keys = hashing.salted(
        hashing.tokens(tf.constant([["1footrue", "1footrue"]])), hashing.salts(["city", "brand"])
    )
    assert hashing.buckets(keys, [1000, 1000]).numpy().tolist() == [[239, 575]]
