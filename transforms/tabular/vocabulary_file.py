"""The vocabularies of all text columns in one file: a table for the graph, readable text for people.

Fields are separated by tabs. First comes a line for each column: its number, the size of its vocabulary
and its name; then a line for each value: its 64-bit key, its id, the column and the value itself. Ids of
a column count from 0, the most frequent value first. Backslash, tab and line ends in names and values are
escaped, so any value fits in a line. The file is never empty, so it is a valid table when every vocabulary
is; a key equal to the number of a column would need a hash below a few thousand of 2**64.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import tensorflow as tf

from transforms.tabular import hashing

FILE_NAME = "vocabularies.tsv"
KEY_FIELD = 0
ID_FIELD = 1
DELIMITER = "\t"
PLACEHOLDER = b"0\t0\t\n"

_ESCAPES = ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))
_PLAIN = {b"\\": b"\\", b"t": b"\t", b"n": b"\n", b"r": b"\r"}


def escape(value: bytes) -> bytes:
    """Writes backslash, tab, line feed and carriage return as two characters."""
    for plain, escaped in _ESCAPES:
        value = value.replace(plain, escaped)
    return value


def unescape(value: bytes) -> bytes:
    """The inverse of `escape`.

    Example:
        >>> unescape(escape(b"a\\tb\\\\")) == b"a\\tb\\\\"
        True
    """
    head, *rest = value.split(b"\\")
    pieces = [head]
    while rest:
        piece = rest.pop(0)
        if piece:
            pieces.append(_PLAIN[piece[:1]] + piece[1:])
        else:
            pieces.append(b"\\" + (rest.pop(0) if rest else b""))
    return b"".join(pieces)


def write(path: str, columns: Sequence[str], values: Sequence[Sequence[bytes]]) -> None:
    """Writes the vocabularies.

    Args:
        path: file to write.
        columns: names of the columns, at least one.
        values: values of each column, in the order of their ids.
    """
    names = [escape(column.encode()) for column in columns]
    with tf.io.gfile.GFile(path, "wb") as file:
        for number, (name, tokens) in enumerate(zip(names, values, strict=True)):
            file.write(b"%d\t%d\t%s\n" % (number, len(tokens), name))
        for name, salt, tokens in zip(names, hashing.salts(columns), values, strict=True):
            hashes = hashing.salted(hashing.tokens(tf.constant(list(tokens), tf.string)), salt)
            keys = tf.bitcast(hashes, tf.int64).numpy().tolist()
            lines = (
                b"%d\t%d\t%s\t%s\n" % (key, index, name, escape(token))
                for index, (key, token) in enumerate(zip(keys, tokens, strict=True))
            )
            file.write(b"".join(lines))


def read(path: str) -> dict[str, list[str]]:
    """Reads the vocabularies.

    Args:
        path: file written by `write`.

    Returns:
        Values by column, in the order of their ids. Bytes that are not UTF-8 are kept as surrogate escapes.
    """
    result: dict[str, list[str]] = {}
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    for line in lines:
        _, _, column, *value = line.split(b"\t")
        tokens = result.setdefault(unescape(column).decode(), [])
        tokens += [unescape(token).decode("utf-8", errors="surrogateescape") for token in value]
    return result


def asset_path() -> str:
    """Path of the file in a transform graph directory."""
    return str(PurePosixPath("transform_fn", "assets", FILE_NAME))
