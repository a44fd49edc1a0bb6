"""Tells numbers, categories, times, identifiers and free text apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.parsing import to_epoch_seconds
from pipeline.init.column import Column, Floats
from pipeline.init.sample import as_text

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_INTEGER = r"^\s*[+-]?\d+\s*$"
_CODE = r"^0\d+$"
_ISO_DATE = r"^\s*\d{4}-\d\d-\d\d"
_OTHER_DATE = r"^\s*(\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}/\d{1,2}/\d{1,2})\b"
_DECIMAL_COMMA = r"^\s*[+-]?\d*,\d+\s*$"
_MARKER = re.compile(
    r"[?*.#_-]*|\\N|<?n/?a>?|n\.a\.|#n/a|none|nil|null|nan|missing|unknown|undefined|\(null\)",
    re.IGNORECASE,
)
_TIME_NAME = re.compile(r"(^|[^a-z])(time|timestamp|date|datetime|ts|epoch)([^a-z]|$)|_at$", re.IGNORECASE)
_ID_NAME = re.compile(r"(^|[^a-z])(id|ids|uuid|guid|index|rowid|row|key|unnamed)([^a-z]|$)|Id$|ID$")
_CODE_NAME = re.compile(
    r"(^|[^a-z])(id|code|zip|zipcode|postal|postcode|plz|fips|naics|sic|sku)([^a-z]|$)|Id$|ID$"
)

MAX_CODES = 32
MAX_VOCABULARY = 10_000
_MARKER_SHARE = 0.9
_UNIQUE_SHARE = 0.9


def markers(
    table: Any, names: Iterable[str], null_values: list[str], least_numbers: float = _MARKER_SHARE
) -> list[str]:
    """Texts such as `?` that stand for a missing number in one of the columns.

    White space round them is kept in the result and taken away too: ingest looks for them in numbers
    without it and in text with it.

    Args:
        table: of text, as read from CSV.
        names: columns to look at.
        null_values: texts already known to mean missing.
        least_numbers: share of a column's values that must be numbers. Defaults to `0.9`.
    """
    found: dict[str, None] = {}
    for name in names:
        array = table.column(name)
        if not pa.types.is_string(array.type):
            continue
        values, counts = _distinct(array)
        known = pc.is_in(values, value_set=pa.array(["", *null_values])).to_numpy(zero_copy_only=False)
        values, counts = values.filter(pa.array(~known)), counts[~known]
        numeric = _matches(values, _NUMBER)
        rows = counts.sum()
        if rows and not numeric.all() and counts[numeric].sum() >= least_numbers * rows:
            others = values.filter(pa.array(~numeric)).to_pylist()
            if len(others) <= 3 and all(_MARKER.fullmatch(other.strip()) for other in others):
                found |= dict.fromkeys(form for other in others for form in (other, other.strip()))
    return [text for text in found if text not in ("", *null_values)]


def infinite(table: Any, names: list[str]) -> float:
    """Share of the rows with an infinite number in one of the columns."""
    found = np.zeros(table.num_rows, np.bool_)
    for name in names:
        if pa.types.is_floating(table.column(name).type):
            found |= np.isinf(_to_floats(table.column(name)))
    return float(found.mean()) if table.num_rows else 0.0


def _distinct(array: Any) -> tuple[Any, Any]:
    table = pc.value_counts(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array)
    present = pc.is_valid(table.field("values"))
    return table.field("values").filter(present), table.field("counts").filter(present).to_numpy()


def _matches(values: Any, pattern: str) -> Any:
    return pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False).astype(bool)


def column(array: Any, name: str, null_values: list[str]) -> Column:
    """Reads one column of the sample.

    Args:
        array: Arrow column, text for CSV files, any type for Parquet.
        name: its name.
        null_values: texts that mean missing, besides the empty one.
    """
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_nested(kind):
        return Column(name, "dropped", f"its type {kind} holds several values")
    if pa.types.is_duration(kind):
        return Column(name, "dropped", f"its type {kind} is no number; written as one it could be used")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _times(array, name)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _floats(array, name)
    try:
        text = as_text(array)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return Column(name, "dropped", f"its type {kind} cannot be read as text")
    unwanted = pc.is_in(text, value_set=pa.array(["", *null_values]))
    return _texts(pc.if_else(unwanted, pa.scalar(None, pa.string()), text), name)


def _common(found: Column, rows: int, missing: int) -> Column:
    found.missing = missing / rows
    if missing == rows:
        return found.drop("it has no values")
    if found.distinct == 1 and missing == 0:
        return found.drop("it is constant")
    if rows - missing < max(2, 0.001 * rows):
        return found.drop(f"only {rows - missing:,} rows have a value")
    return found


def _times(array: Any, name: str) -> Column:
    seconds, _ = to_epoch_seconds(array, (), name)
    found = Column(name, "timestamp", numbers=_to_floats(seconds))
    found.distinct = len(pc.unique(seconds.drop_null()))
    return _common(found, len(array), seconds.null_count)


def _to_floats(array: Any) -> Floats:
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _floats(array: Any, name: str) -> Column:
    numbers = _to_floats(array)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    present = numbers[~np.isnan(numbers)]
    found = Column(name, "numeric", numbers=numbers, distinct=len(np.unique(present)))
    if found.distinct == 2 and np.all(present == np.round(present)):
        coded = as_text(array).dictionary_encode()
        codes = coded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        found.kind, found.codes, found.values = "categorical", codes, coded.dictionary
    return _common(found, len(array), len(array) - len(present))


def _texts(text: Any, name: str) -> Column:
    coded = text.dictionary_encode()
    codes = coded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    values = coded.dictionary
    found = Column(name, "categorical", codes=codes, values=values, distinct=len(values))
    _common(found, len(text), text.null_count)
    if found.kind == "dropped":
        return found
    if _matches(values, _NUMBER).all():
        return _numbers(found)
    seconds, bad = to_epoch_seconds(values, (), name)
    if bad.mean() <= 0.001 and _matches(values, _ISO_DATE).mean() > 0.5:
        found.kind, found.numbers = "timestamp", _spread(_to_floats(seconds), codes)
        return found
    return _words(found)


def _spread(by_value: Floats, codes: Any) -> Floats:
    return np.where(codes >= 0, by_value[np.maximum(codes, 0)], np.nan)


def _numbers(found: Column) -> Column:
    trimmed = pc.ascii_trim_whitespace(found.values)
    found.numbers = _spread(_to_floats(trimmed.cast(pa.float64())), found.codes)
    rows = int((found.codes >= 0).sum())
    integers = _matches(found.values, _INTEGER)
    if found.distinct <= 2:
        return found
    found.integers = bool(integers.all())
    if not found.integers:
        found.kind = "numeric"
        return found
    if _is_row_number(found, rows):
        return found.drop("it identifies the row")
    lowest, highest = np.nanmin(found.numbers), np.nanmax(found.numbers)
    if _TIME_NAME.search(found.name) and lowest > 1e8 and highest < 5e9:
        found.kind = "timestamp"
    elif found.distinct <= MAX_CODES and found.distinct * 10 <= rows:
        found.kind = "categorical"
    elif _CODE_NAME.search(found.name) or _matches(found.values, _CODE).any():
        found.hashed = found.distinct > MAX_VOCABULARY
    else:
        found.kind = "numeric"
    return found


def _is_row_number(found: Column, rows: int) -> bool:
    """Different in every row, and either named so or rising from row to row by equal steps."""
    if found.distinct < rows or rows < 10 or found.numbers is None:
        return False
    numbers = found.numbers[found.codes >= 0]
    steps = np.diff(numbers)
    even = bool(np.all(steps > 0) and steps.max() <= 2 * steps.min())
    return even or bool(_ID_NAME.search(found.name))


def _words(found: Column) -> Column:
    rows = int((found.codes >= 0).sum())
    unique = found.distinct / rows
    words = pc.mean(pc.count_substring(found.values, " ")).as_py() + 1
    if found.distinct > 20 and words >= 6 and unique > 0.5:
        return found.drop("it is free text")
    if found.distinct > 20 and unique > _UNIQUE_SHARE:
        return found.drop("nearly every row has its own value")
    found.hashed = found.distinct > MAX_VOCABULARY or (found.distinct > 100 and unique > 0.3)
    return found


def looks_like_decimal_commas(found: Column) -> bool:
    """Whether most values of a text column are numbers with a comma before the decimals."""
    if found.values is None or found.numbers is not None or len(found.values) < 3:
        return False
    return bool(_matches(found.values, _DECIMAL_COMMA).mean() > 0.9)


def looks_like_dates(found: Column) -> bool:
    """Whether most values of a text column are dates in a form that cannot be read as times."""
    if found.values is None or found.kind == "timestamp" or len(found.values) == 0:
        return False
    return bool(_matches(found.values, _OTHER_DATE).mean() > 0.9)
