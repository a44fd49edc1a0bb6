"""Inputs that were valid once: bits flipped, parts cut, repeated, moved, and hostile texts put in.

Everything depends on the seed alone, so a failing case can be made again from its number.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from trainer.errors import TandemError


def attempt(call: Callable[..., Any], *arguments: Any) -> tuple[Any, TandemError | None]:
    """What a call returned, and the typed error that it raised; any other exception passes through."""
    try:
        return call(*arguments), None
    except TandemError as error:
        return None, error


HOSTILE = (
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    b"\x1b[2J",
    b"../../etc/passwd",
    b"/etc/passwd",
    b"~nobody-here/x",
    b"9" * 5000,
    b"-1",
    b"1e999",
    b"NaN",
    b"-Infinity",
    b"0x" + b"f" * 5000,
    b"null",
    b"true",
    b"{}",
    b"[]",
    b'""',
    b'"\\ud800"',
    b'"\\u0000"',
    b"[" * 3000,
    b'{"a":' * 3000,
    b"&a [*a, *a]",
    b"<<: *a",
    b"!!python/object/apply:os.system [exit]",
    b"!!int x",
    b"k" * 100_000,
    b'"',
    b"'",
    b"\n",
    b"\r",
    b"\t",
    b",",
    b":",
    b"=",
)


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    length = min(rng.choice((1, 4, 8)), len(data) - place)
    data[place : place + length] = rng.choice((b"\x00", b"\xff", b"\x7f", b"\x80")) * length


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    del data[place : place + rng.randrange(1, 64)]


def _repeat(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    data[place:place] = data[place : place + rng.randrange(1, 64)] * rng.choice((1, 2, 50))


def _move(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    part = data[place : place + rng.randrange(1, 64)]
    del data[place : place + len(part)]
    place = rng.randrange(len(data) + 1)
    data[place:place] = part


def _insert(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data) + 1)
    data[place:place] = rng.choice(HOSTILE)


def _replace_word(data: bytearray, rng: random.Random) -> None:
    """A whole value of a text gives way, so that the text around it stays what it was."""
    text = bytes(data)
    starts = [index + 1 for index in range(len(text) - 1) if text[index] in b" :,[{"]
    if not starts:
        return _insert(data, rng)
    start = rng.choice(starts)
    end = start
    while end < len(text) and text[end] not in b",]}\n":
        end += 1
    data[start:end] = rng.choice(HOSTILE)
    return None


_CHANGES = (_flip, _flip, _overwrite, _cut, _remove, _repeat, _move, _insert, _replace_word, _replace_word)


def mutations(valid: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yields `count` changed copies of `valid`, each with one to three changes.

    Args:
        valid: bytes that the reader accepts.
        count: how many copies.
        seed: of the changes. Defaults to `0`.
    """
    for number in range(count):
        rng, data = random.Random(f"{seed}/{number}"), bytearray(valid)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if data:
                rng.choice(_CHANGES)(data, rng)
        yield bytes(data)


WRONG = (
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "9" * 400,
    "NaN",
    "-Infinity",
    '""',
    '"text"',
    '"\\ud800"',
    '"\\u0000"',
    '"../../x"',
    "[]",
    "[null]",
    '["text"]',
    "{}",
    '{"a": {}}',
    "[" * 300 + "]" * 300,
    "[" * 3000 + "]" * 3000,
)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in entries:
        yield from _places(item, (*path, key))


def _put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is _ABSENT:
        del copy[path[0]]
    else:
        copy[path[0]] = _put(value[path[0]], path[1:], new)
    return copy


_ABSENT = object()
_MARK = "a place that nothing else is"


def wrong_values(document: Any, most: int | None = None, seed: int = 0) -> Iterator[bytes]:
    """Yields `document` as JSON with each value, however deep, removed or replaced by each of `WRONG`.

    Args:
        document: plain values.
        most: how many to choose at random; all of them by default.
        seed: of the choice. Defaults to `0`.
    """
    cases = [(path, wrong) for path in _places(document) for wrong in (*WRONG, None) if path or wrong]
    if most is not None and most < len(cases):
        cases = random.Random(seed).sample(cases, most)
    for path, wrong in cases:
        changed = json.dumps(_put(document, path, _ABSENT if wrong is None else _MARK))
        yield (changed if wrong is None else changed.replace(f'"{_MARK}"', wrong)).encode()
