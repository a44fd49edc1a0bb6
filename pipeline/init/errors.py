"""Errors of `init`: one stable code for each cause, all with process status 2."""

from __future__ import annotations

from typing import Final

from trainer.errors import TandemError

CODES: Final[dict[str, str]] = {
    "INIT-001": "no file matches, or its format is not known",
    "INIT-002": "there are no rows",
    "INIT-003": "a text file is not UTF-8",
    "INIT-004": "a column name is empty or occurs twice",
    "INIT-005": "the label column does not exist",
    "INIT-006": "the label is never given or has one value only",
    "INIT-007": "the time column does not exist or holds no times",
    "INIT-008": "a file is damaged, or files have different columns",
    "INIT-009": "no column can be a feature",
    "INIT-010": "the label can be neither a class nor a number",
    "INIT-011": "the label is a text, and the text it is made from is not clear",
    "INIT-012": "DATA and --lines do not go together, or an option does not fit them",
    "INIT-013": "parallel files have different numbers of files or lines",
}


def init_error(code: str, message: str, hint: str = "") -> TandemError:
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
