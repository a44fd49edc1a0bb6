"""What the log of a replica that ended says of why."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.train.group.files import last_words

WARNED = (
    "W1126 15:20:01.123456 77 reader.py:99] A peer is passed over: CODIST-004: Expected a whole publication."
)
FAILED = "E1126 15:20:02.123456 77 __main__.py:44] CODIST-001: The directory belongs to another group."


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([FAILED, "  Give another one.", WARNED], "CODIST-001: The directory belongs to another group."),
        ([WARNED, "Traceback", "OSError: [Errno 28] No space left"], "OSError: [Errno 28] No space left"),
        (["Killed"], "Killed"),
        (
            [f"2026-11-26T09:00:00.5Z {WARNED}", "2026-11-26T09:00:00.6Z OSError: [Errno 28] No space left"],
            "2026-11-26T09:00:00.6Z OSError: [Errno 28] No space left",
        ),
        (
            ["== pod tandem-r0-1", "2026-11-26T09:00:00.5Z Killed", "== pod tandem-r0-2"],
            "2026-11-26T09:00:00.5Z Killed",
        ),
        (["== pod tandem-r0-1"], ""),
        ([], ""),
    ],
)
def test_an_error_is_the_cause_and_a_warning_is_not(lines: list[str], expected: str, tmp_path: Path) -> None:
    log = tmp_path / "replica.log"
    log.write_text("\n".join(lines))
    assert last_words(log) == expected


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "replica.log") == ""
