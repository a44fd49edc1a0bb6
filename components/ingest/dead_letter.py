"""The rows that could not be read, as JSON lines, and the limit on their share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from absl import logging

from components.ingest.problems import data_error
from components.ingest.rows import Rejected
from trainer.faults import point

FILE_NAME: Final = "dead_letter.jsonl"
TEXT_LIMIT: Final = 500
_SHOWN: Final = 3
_LOGGED: Final = 1000


def append(path: Path, rows: Iterable[Rejected]) -> None:
    """Adds one JSON object a row: `file`, `line`, `reason` and at most 500 characters of `text`."""
    rows = list(rows)
    if not rows:
        return
    with path.open("a", encoding="utf-8") as file:
        for row in rows:
            entry = {"file": row.file, "line": row.line, "reason": row.reason, "text": row.text[:TEXT_LIMIT]}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    point("ingest.append_dead_letters", path, path)


def join(parts: Iterable[Path], target: Path) -> None:
    """Concatenates the dead letters of all shards."""
    with target.open("wb") as output:
        for part in parts:
            if part.exists():
                with part.open("rb") as file:
                    while block := file.read(1 << 20):
                        output.write(block)
    point("ingest.join_dead_letters", target, target)


def check_share(path: Path, bad: int, share: float, most: float) -> None:
    """Stops the run when the share of bad rows is above `most`; its first 1,000 dead letters go to the log.

    Raises:
        TandemError: `INGEST-011`, with the most frequent reasons and the first rows.
    """
    if share <= most:
        return
    reasons: Counter[str] = Counter()
    first: list[str] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if reasons.total() < _LOGGED:
                logging.error("Dead letter: %s", line.rstrip())
            reasons[row["reason"].split(" Received:")[0]] += 1
            if len(first) < _SHOWN:
                text = row["text"][:120]
                first.append(f"{row['file']}, record {row['line']}: {row['reason']}: {text!r}")
    counted = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(_SHOWN))
    raise data_error(
        "INGEST-011",
        f"expected at most {most:.2%} unreadable rows. Received: {bad} rows, {share:.2%}. "
        f"Reasons: {counted}. First: {' | '.join(first)}.",
        f"The log of this step lists {'them' if bad <= _LOGGED else f'the first {_LOGGED:,} of them'}. "
        "Correct the rows or the feature kinds, or raise `data.max_bad_row_fraction`.",
    )
