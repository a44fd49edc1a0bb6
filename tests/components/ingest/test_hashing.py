from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.hashing import BASE, LENGTH, MISSING, canonical, hash_rows, hash_text, unit

PINNED = [5344931817542786565, 1149234389432173950, 1609587929392839161]
WORD = (1 << 64) - 1


def mix(value: int) -> int:
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD & WORD
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53 & WORD
    return value ^ (value >> 33)


def one(text: bytes | None) -> int:
    if text is None:
        return MISSING
    total = sum((byte + 1) * pow(BASE, i, 1 << 64) for i, byte in enumerate(text)) & WORD
    return mix(total ^ ((len(text) + 1) * LENGTH & WORD))


@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), max_size=20), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_equals_the_formula_evaluated_with_plain_integers(texts: list[bytes | None], start: int) -> None:
    hashes = hash_text(pa.array(texts, pa.binary()).slice(start))
    assert hashes.tolist() == [one(text) for text in texts[start:]]


def test_rows_chain_their_columns() -> None:
    rows = hash_rows([pa.array([b"a", b"x"]), pa.array([b"b", None], pa.binary())], 2)
    assert rows.tolist() == [
        mix((mix(one(a)) * BASE + one(b)) & WORD) for a, b in ((b"a", b"b"), (b"x", None))
    ]


def test_values_never_change_between_versions() -> None:
    assert hash_text(pa.array([b"JFK", b"", None], pa.binary())).tolist() == PINNED


def test_cuts_between_columns_and_missing_values_matter() -> None:
    def row(*texts: bytes | None) -> int:
        return int(hash_rows([pa.array([text], pa.binary()) for text in texts], 1)[0])

    assert len({row(b"ab", b"c"), row(b"a", b"bc"), row(b"abc"), row(b"abc", b""), row(b"abc", None)}) == 5


def test_numbered_keys_spread_evenly() -> None:
    keys = pa.array([str(i).encode() for i in range(100_000)])
    values = unit(hash_text(keys))
    counts, _ = np.histogram(values, bins=100, range=(0, 1))
    chi_square = float(((counts - 1000) ** 2 / 1000).sum())
    assert chi_square < 150
    assert len(np.unique(values)) == len(values)


def test_canonical_text_of_types() -> None:
    assert canonical(pa.array([1, None])).to_pylist() == [b"1", None]
    assert canonical(pa.array(["a"]).dictionary_encode()).to_pylist() == [b"a"]
    assert canonical(pa.array([True])).to_pylist() == [b"true"]
    assert canonical(pa.array([[1]])) is None
    assert canonical(pa.nulls(1)).to_pylist() == [None]
