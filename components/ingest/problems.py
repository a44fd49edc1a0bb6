"""Errors of the data: one stable code for each cause, all with process status 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from trainer.errors import TandemError

CODES: Final[dict[str, str]] = {
    "INGEST-001": "the data section contradicts itself or lacks a setting",
    "INGEST-002": "no file matches",
    "INGEST-003": "a file has no bytes",
    "INGEST-004": "the files have a header but no rows",
    "INGEST-005": "a text file is not UTF-8",
    "INGEST-006": "the CSV delimiter is wrong",
    "INGEST-007": "a column name occurs twice",
    "INGEST-008": "a column is missing",
    "INGEST-009": "a file is damaged or of another format",
    "INGEST-010": "a column has a type that cannot be used",
    "INGEST-011": "too many rows cannot be read",
    "INGEST-012": "a label is missing although `label.missing` is `error`",
    "INGEST-013": "the prepare function cannot be loaded",
    "INGEST-014": "the prepare function failed",
    "INGEST-015": "the prepare function wrote no file",
    "INGEST-016": "no such span or version, or a bad span pattern",
    "INGEST-017": "a split has no rows: `train`, `eval`, or a `validation` with a time or files of its own",
    "INGEST-018": "a CSV row is too long or a quote is never closed",
    "INGEST-019": "the output directory already has files",
    "INGEST-020": "files of parallel lines do not belong together",
}


def data_error(code: str, message: str, hint: str = "") -> TandemError:
    """Makes the error for one of `CODES`, with exit status 2.

    Args:
        code: a key of `CODES`.
        message: what was expected and what was received.
        hint: what to do next. Defaults to `""`.

    Raises:
        KeyError: if `code` is not in `CODES`.
    """
    assert CODES[code]
    return TandemError(code, message, hint, exit_status=2)


def check_unique(file: str, names: Sequence[str]) -> None:
    """Raises `INGEST-007` if a column name of `file` occurs twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise data_error(
            "INGEST-007", f"expected each column once. Received: file={file}, repeated={twice}.",
            "Rename or remove the repeated columns.",
        )  # fmt: skip


def missing_columns(file: str, wanted: Iterable[str], found: Iterable[str]) -> TandemError:
    """Makes the error for columns that `file` lacks, naming the nearest ones it has."""
    names = list(found)
    parts = []
    for column in wanted:
        near = difflib.get_close_matches(column, names, n=3, cutoff=0.5)
        parts.append(
            f"`{column}`" + (f" (nearest: {', '.join(f'`{name}`' for name in near)})" if near else "")
        )
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return data_error(
        "INGEST-008",
        f"expected column {', '.join(parts)} in {file}. Received: columns={listed}.",
        "Correct the name in the config or in the file.",
    )
