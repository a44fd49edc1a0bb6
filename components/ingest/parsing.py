"""Columns of any Arrow type to text, float32 or epoch seconds, with a mask of the values that do not fit.

Missing stays missing: an Arrow null. Empty text is missing in every format, because an empty string
means missing in a served request too. Text is parsed by Arrow itself, so what a column accepts is what
`pyarrow.compute.cast` accepts, white space around numbers and times aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.problems import data_error

Mask = npt.NDArray[np.bool_]

EARLIEST_SECONDS = -62_135_596_800
LATEST_SECONDS = 253_402_300_799
_DIGITS = r"^(\d{4}|\d{8})(\.0)?$"
_EPOCH = r"^[+-]?\d+(\.\d*)?$"
_ZONE = r"[Tt ]\d\d.*([Zz]|[+-]\d\d(:?\d\d)?)$"


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of the text or byte string types."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )  # fmt: skip


def plain(array: Any) -> Any:
    """Replaces a dictionary array by its values."""
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _none_bad(array: Any) -> Mask:
    return np.zeros(len(array), np.bool_)


def _unusable(column: str, kind: Any, wanted: str) -> Exception:
    return data_error(
        "INGEST-010",
        f"expected {wanted} in column `{column}`. Received: type={kind}.",
        "Change the kind of the feature or the type in the file.",
    )


def _null_where(array: Any, mask: Any) -> Any:
    return pc.if_else(mask, pa.scalar(None, array.type), array)


def _without_nulls(text: Any, null_values: Sequence[str]) -> Any:
    """Turns empty text and the given values into nulls."""
    unwanted = {b"", *(value.encode() for value in null_values)}
    values = pa.array(sorted(unwanted), pa.binary())
    if not pa.types.is_binary(text.type):
        values = values.cast(text.type)
    found = pc.is_in(text, value_set=values)
    return _null_where(text, found) if pc.any(found).as_py() else text


def to_text(array: Any, null_values: Sequence[str], column: str) -> Any:
    """Any single-valued column as text.

    Args:
        array: Arrow array of length `n`. Booleans become `true` and `false`, numbers their shortest text.
        null_values: texts that mean missing, besides the empty one.
        column: name for the error text.

    Returns:
        Binary Arrow array of length `n`.

    Raises:
        TandemError: `INGEST-010` for lists, structs and the like.
    """
    array = plain(array)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.binary())
    if pa.types.is_floating(array.type):
        # Arrow has no `is_nan` for float16.
        array = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array
        array = _null_where(array, pc.is_nan(array))
    if not is_text(array.type):
        try:
            array = array.cast(pa.string())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise _unusable(column, array.type, "text, numbers, booleans or times") from error
    return _without_nulls(array.cast(pa.binary()), null_values)


def to_utf8(array: Any, null_values: Sequence[str], column: str) -> tuple[Any, Mask]:
    """A column as `to_text` gives it, and the mask of values that are not UTF-8."""
    text = to_text(array, null_values, column)
    decoded, bad = _cast(text, pa.string())
    return decoded.cast(pa.binary()), bad


def _castable(values: Any, kind: Any) -> Mask:
    """Which of `values` Arrow can cast to `kind`, by halving: few failures cost few casts."""
    good = np.ones(len(values), np.bool_)
    stack = [(0, len(values))]
    while stack:
        start, stop = stack.pop()
        try:
            values.slice(start, stop - start).cast(kind)
        except pa.ArrowInvalid:
            if stop - start == 1:
                good[start] = False
            else:
                middle = (start + stop) // 2
                stack += [(start, middle), (middle, stop)]
    return good


def _cast(text: Any, kind: Any) -> tuple[Any, Mask]:
    """Casts text, with nulls and a mask in place of what cannot be cast."""
    try:
        return text.cast(kind), _none_bad(text)
    except pa.ArrowInvalid:
        coded = text.dictionary_encode()
        values = coded.dictionary
        good = _castable(values, kind)
        cast = _null_where(values, pa.array(~good)).cast(kind).take(coded.indices)
        bad = pa.array(~good).take(coded.indices).fill_null(False)
        return cast, bad.to_numpy(zero_copy_only=False)


def _trimmed(array: Any, null_values: Sequence[str]) -> tuple[Any, Mask]:
    """Text without white space around it; bytes that are not UTF-8 are masked."""
    text, bad = _cast(array.cast(pa.binary()), pa.string())
    return _without_nulls(pc.ascii_trim_whitespace(text), null_values), bad


def to_float(array: Any, null_values: Sequence[str], column: str) -> tuple[Any, Mask]:
    """A column of numbers.

    Args:
        array: Arrow array of length `n`: numbers, booleans (0 and 1), decimals or text.
        null_values: texts that mean missing, besides the empty one.
        column: name for the error text.

    Returns:
        Float32 Arrow array of length `n` (NaN is missing) and the mask of values that are no finite float32.

    Raises:
        TandemError: `INGEST-010` for times, lists and the like.
    """
    array = plain(array)
    kind = array.type
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.float32()), _none_bad(array)
    if is_text(kind):
        text, bad = _trimmed(array, null_values)
        numbers, unreadable = _cast(text, pa.float32())
        bad = bad | unreadable
    elif pa.types.is_boolean(kind):
        numbers, bad = array.cast(pa.uint8()).cast(pa.float32()), _none_bad(array)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers, bad = array.cast(pa.float32(), safe=False), _none_bad(array)
    elif pa.types.is_decimal(kind):
        numbers, bad = array.cast(pa.float64()).cast(pa.float32(), safe=False), _none_bad(array)
    else:
        raise _unusable(column, kind, "numbers")
    numbers = _null_where(numbers, pc.is_nan(numbers))
    infinite = pc.is_inf(numbers).fill_null(False)
    return _null_where(numbers, infinite), bad | infinite.to_numpy(zero_copy_only=False)


def _floor_seconds(micros: Any) -> Any:
    values = micros.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) // 1_000_000
    return pa.array(values, mask=pc.is_null(micros).to_numpy(zero_copy_only=False))


def _floor_numbers(numbers: Any) -> Any:
    values = np.floor(numbers.cast(pa.float64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False))
    inside = (values >= EARLIEST_SECONDS) & (values <= LATEST_SECONDS)
    values = np.where(inside, values, LATEST_SECONDS + 1).astype(np.int64)
    return pa.array(values, mask=pc.is_null(numbers).to_numpy(zero_copy_only=False))


def _hyphenated(text: Any) -> Any:
    """Dates of eight digits and years of four in the form with hyphens: they are no epoch seconds."""
    if not pc.any(pc.match_substring_regex(text, _DIGITS)).as_py():
        return text
    text = pc.replace_substring_regex(text, r"^(\d{4})(\d\d)(\d\d)(\.0)?$", r"\1-\2-\3")
    return pc.replace_substring_regex(text, r"^(\d{4})(\.0)?$", r"\1-01-01")


def _text_seconds(text: Any) -> tuple[Any, Mask]:
    """Epoch seconds of numbers, zoned times and zoneless times (taken as UTC), each by its own cast."""
    text = _hyphenated(text)
    number = pc.match_substring_regex(text, _EPOCH)
    zoned = pc.match_substring_regex(text, _ZONE)
    result = pa.nulls(len(text), pa.int64())
    bad = _none_bad(text)
    kinds = (
        (number, pa.float64(), _floor_numbers),
        (zoned, pa.timestamp("us", "UTC"), _floor_seconds),
        (pc.invert(pc.or_(number, zoned)), pa.timestamp("us"), _floor_seconds),
    )
    for chosen, kind, seconds in kinds:
        if not pc.any(chosen).as_py():
            continue
        some = _null_where(text, pc.invert(chosen))
        if kind != pa.float64() and pc.any(pc.match_substring(some, ".")).as_py():
            some = pc.replace_substring_regex(some, r"(\.\d{6})\d+", r"\1")
        values, unreadable = _cast(some, kind)
        result, bad = pc.coalesce(result, seconds(values)), bad | unreadable
    return result, bad


def to_epoch_seconds(array: Any, null_values: Sequence[str], column: str) -> tuple[Any, Mask]:
    """A column of times as UTC epoch seconds, fractions rounded down.

    Args:
        array: Arrow array of length `n`: timestamps, dates, epoch seconds, or text such as `2013-01-31`,
            `2013-01-31 05:30[:15]`, `2013-01-31T05:30:15.5+01:00` or epoch seconds. No zone means UTC.
            Eight digits, as text or integer, are a date, `20130131`, and four are a year, `2013`.
        null_values: texts that mean missing, besides the empty one.
        column: name for the error text.

    Returns:
        Int64 Arrow array of length `n` and the mask of values that are no time of the years 1 to 9999
        (so epoch milliseconds are refused).

    Raises:
        TandemError: `INGEST-010` for booleans, lists and the like.
    """
    array = plain(array)
    kind = array.type
    bad = _none_bad(array)
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.int64()), bad
    if is_text(kind):
        text, bad = _trimmed(array, null_values)
        seconds, unreadable = _text_seconds(text)
        bad = bad | unreadable
    elif pa.types.is_timestamp(kind) and kind.unit == "ns":
        micros = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) // 1000
        micros = pa.array(micros, mask=pc.is_null(array).to_numpy(zero_copy_only=False))
        seconds = _floor_seconds(micros)
    elif pa.types.is_timestamp(kind):
        seconds = _floor_seconds(array.cast(pa.timestamp("us", kind.tz), safe=False))
    elif pa.types.is_date(kind):
        seconds = _floor_seconds(array.cast(pa.timestamp("us")))
    elif pa.types.is_integer(kind):
        seconds, bad = _text_seconds(array.cast(pa.string()))
    elif pa.types.is_floating(kind):
        numbers = array.cast(pa.float64(), safe=False)
        seconds = _floor_numbers(_null_where(numbers, pc.is_nan(numbers)))
    else:
        raise _unusable(column, kind, "times")
    outside = pc.or_(pc.less(seconds, EARLIEST_SECONDS), pc.greater(seconds, LATEST_SECONDS)).fill_null(False)
    return _null_where(seconds, outside), bad | outside.to_numpy(zero_copy_only=False)


def to_index(array: Any, classes: Sequence[str], null_values: Sequence[str], column: str) -> tuple[Any, Mask]:
    """Label text to its class index; a text that is a class is never taken for a missing value.

    Returns:
        Int64 Arrow array of length `n` and the mask of texts that are no class.
    """
    text = to_text(array, [value for value in null_values if value not in classes], column)
    index = pc.index_in(text, value_set=pa.array([value.encode() for value in classes], pa.binary()))
    unknown = pc.and_(pc.is_valid(text), pc.is_null(index))
    return index.cast(pa.int64()), unknown.to_numpy(zero_copy_only=False)
