"""What an ingestion read and wrote."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

from trainer.storage import write_json

FILE_NAME: Final = "ingest.json"


@dataclasses.dataclass(frozen=True)
class IngestReport:
    """Counts of an ingestion, written as `ingest.json`.

    Args:
        rows: rows by split, for each split that the config asks for.
        unlabelled: rows left out because their label is missing.
        bad: rows in `dead_letter.jsonl`.
        read: rows seen in the files, before `limit`, without the ones that had no right number of fields.
        files: names of the files read.
        spans: spans read, oldest first; empty if the path has none.
        span: newest span; 0 if the path has none.
        version: version of the newest span, if the path has one.
        eval_from: first UTC epoch second of the `eval` split, if divided by time.
        seconds: wall time.
        columns: column to `bytes`, `float` or `int64`.
    """

    rows: dict[str, int]
    unlabelled: int
    bad: int
    read: int
    files: list[str]
    spans: list[int]
    span: int
    version: int | None
    eval_from: int | None
    seconds: float
    columns: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    def write(self, directory: Path) -> None:
        """Writes `ingest.json` into a directory."""
        write_json(directory / FILE_NAME, self.as_json())
