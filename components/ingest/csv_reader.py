"""CSV files in batches, by Arrow's reader: UTF-8, RFC 4180 quoting, one header row."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from components.ingest.problems import check_unique, data_error, missing_columns
from components.ingest.rows import BATCH_BYTES, Rejected, Rows
from components.ingest.sources import Source, check_not_empty, damaged, open_stream, reading

_HEADER_BYTES: Final = 1 << 20
_END_BYTES: Final = 1 << 16
_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class _Bytes(io.RawIOBase):
    """Passes UTF-8 on, counts the quotes and keeps the end.

    An odd number of quotes at the end means that one was never closed.

    Raises:
        TandemError: `INGEST-005` while reading bytes that are not UTF-8.
    """

    def __init__(self, stream: Any, source: Source) -> None:
        self._stream = stream
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = 1
        self.quotes = 0
        self.end = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        try:
            self._decoder.decode(data, final=not data and size != 0)
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].count(b"\n")
            raise _not_utf8(self._source, line, error.object[error.start : error.start + 4]) from None
        self._lines += data.count(b"\n")
        self.quotes += data.count(b'"')
        self.end = (self.end + data)[-_END_BYTES:]
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Lines:
    """Line numbers of good rows, from the line numbers of the bad ones between them."""

    def __init__(self) -> None:
        self._good = 0
        self._bad: list[int] = []
        self._skipped = 0

    def bad(self, line: int) -> None:
        self._bad.append(line)

    def take(self, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        good = np.arange(self._good, self._good + rows)
        before = np.array(self._bad, np.int64) - 2 - self._skipped - np.arange(len(self._bad))
        lines = good + 2 + self._skipped + np.searchsorted(before, good, side="right")
        self._good += rows
        passed = int(np.searchsorted(before, self._good, side="left"))
        self._skipped += passed
        self._bad = self._bad[passed:]
        return lines.astype(np.int64)


def _not_utf8(source: Source, line: int, wrong: bytes) -> Exception:
    utf16 = wrong[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return data_error(
        "INGEST-005",
        f"expected UTF-8 text. Received: file={source.name}, line={line}, bytes={wrong!r}.",
        f"Convert it, for example with `iconv -f {'UTF-16' if utf16 else 'LATIN1'} -t UTF-8`.",
    )


def _names(text: str, delimiter: str) -> list[str]:
    return next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])


def read_header(source: Source, delimiter: str, columns: Sequence[str] = ()) -> list[str]:
    """The column names of a CSV file.

    Args:
        source: the file.
        delimiter: one character.
        columns: names that must be there. Defaults to `()`.

    Raises:
        TandemError: `INGEST-003`, `INGEST-005` to `INGEST-008` or `INGEST-018`, see `problems.CODES`.
    """
    check_not_empty(source)
    with reading(source), open_stream(source) as stream:
        head = _Bytes(stream, source).read(_HEADER_BYTES)
    first = head.lstrip(b"\r\n").split(b"\n", 1)[0] if b'"' not in head else head
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(first)
    try:
        names = _names(text, delimiter)
        guesses = {other: _names(text, other) for other in _DELIMITERS if other != delimiter}
    except csv.Error as error:
        raise _unclosed(source, f"a header with a {error}") from error
    if not names:
        raise data_error("INGEST-003", f"expected a header. Received: file={source.name}, only blank lines.")
    others = [
        other
        for other, guessed in guesses.items()
        if (len(names) == 1 and other in names[0]) or set(columns) & set(guessed)
    ]
    if others and not set(columns) & set(names):
        raise data_error(
            "INGEST-006",
            f"expected fields divided by {delimiter!r}. Received: file={source.name}, "
            f"header={delimiter.join(names)[:200]!r}.",
            f"Set `data.delimiter` to {others[0]!r} ({_DELIMITERS[others[0]]}).",
        )
    check_unique(source.name, names)
    lacking = [name for name in columns if name not in names]
    if lacking:
        raise missing_columns(source.name, lacking, names)
    return names


def _failed(source: Source, error: Exception) -> Exception:
    text = str(error)
    if "straddling" in text:
        return _unclosed(source, f"a row longer than {BATCH_BYTES} bytes")
    return data_error("INGEST-009", f"expected CSV. Received: file={source.name} ({text}).")


def _unclosed(source: Source, what: str) -> Exception:
    return data_error(
        "INGEST-018",
        f"expected rows of moderate length. Received: file={source.name}, {what}.",
        "Look for a quote that is never closed.",
    )


def read_csv(
    source: Source, columns: Sequence[str], delimiter: str, every_column: bool, block_bytes: int = BATCH_BYTES
) -> Iterator[Rows]:
    """Reads a CSV file in batches of about `block_bytes`; all columns are text, nothing is null.

    Args:
        source: the file.
        columns: names that must be there.
        delimiter: one character.
        every_column: whether to read all columns, not just `columns`.
        block_bytes: bytes read at once, and the most a row may have. Defaults to `1048576`.

    Yields:
        Batches, in file order, with the rows that have another number of fields than the header.

    Raises:
        TandemError: see `problems.CODES`.
    """
    header = read_header(source, delimiter, columns)
    chosen = set(header if every_column else columns)
    # A quote left open swallows rows into the last field, so the last column is read in any case.
    names = [name for name in header if name in chosen or name == header[-1]]
    rejected: list[Rejected] = []
    short: list[Rejected] = []
    lines = _Lines()

    def refuse(row: Any) -> str:
        reason = f"expected {row.expected_columns} fields, found {row.actual_columns}"
        rejected.append(Rejected(source.name, row.number, reason, row.text))
        short[:] = rejected[-1:] if row.actual_columns < row.expected_columns else ()
        lines.bad(row.number)
        return "skip"

    with reading(source), open_stream(source) as stream:
        counted = _Bytes(stream, source)
        last_is_split = False
        try:
            batches = pa_csv.open_csv(
                counted,
                read_options=pa_csv.ReadOptions(use_threads=False, block_size=block_bytes),
                parse_options=pa_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.string()), include_columns=names,
                    strings_can_be_null=False, quoted_strings_can_be_null=False, check_utf8=False,
                ),
            )  # fmt: skip
            for batch in batches:
                found = tuple(rejected)
                rejected.clear()
                read = zip(batch.schema.names, batch.columns, strict=True)
                yield Rows(
                    columns={name: values for name, values in read if name in chosen},
                    lines=lines.take(batch.num_rows),
                    rejected=found,
                )
                if batch.num_rows:
                    last = batch.slice(batch.num_rows - 1)
                    last_is_split = any(pc.any(pc.match_substring(c, "\n")).as_py() for c in last.columns)
                if found:
                    last_is_split = last_is_split or "\n" in found[-1].text
        except pa.ArrowInvalid as error:
            raise _failed(source, error) from error
        if counted.quotes % 2 and (last_is_split or any("\n" in row.text for row in rejected[-1:])):
            raise _unclosed(source, "a quote that is never closed")
        # A last row may lack its line end, and a row may be short by mistake; both at once is a cut.
        if short and counted.end.endswith(short[0].text[-_END_BYTES // 4 :].encode()):
            where = f"the last row, {short[0].line}, has no line end and {short[0].reason}"
            raise damaged(source.name, f"cut off: {where}")
        if rejected:
            yield Rows(
                {name: pa.array([], pa.string()) for name in names if name in chosen},
                lines.take(0),
                rejected=tuple(rejected),
            )
