"""Sequences: tokens per second in training, padding, and words per second in decoding, beside peers.

    python -m benchmarks.sequences [--part training|decoding|export] [--rounds N] [--threads N] [--root DIR]

Rows are those of the pronunciation example, divided by word, through the pipeline's ingest and transform. In
training every trainer takes the same batches in turns, each a process of its own with the cores named in the
table. In decoding the project's beam search stands beside the same search that keeps no keys, values or
states and runs the decoder over the whole prefix at each step, and beside one that runs the encoder anew as
well. In export the SavedModel answers words in a
process of its own.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.record import Figure

PARTS = ("training", "decoding", "export")


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--part", action="append", choices=PARTS, help="all by default")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each that count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--root", type=Path, help="of the pipeline run; a temporary place by default")
    given = parser.parse_args(arguments)
    # Peers import this package where the project's libraries are absent.
    from benchmarks import machine
    from benchmarks.sequences import rows, tables

    print(machine.line(), flush=True)
    parts = given.part or PARTS
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        rows_of = rows.prepare((given.root or directory / "root").absolute(), directory)
        if "training" in parts:
            figures += tables.padding(rows_of)
            figures += tables.training(directory, given.rounds, given.threads)
        if "decoding" in parts:
            figures += tables.decoding(rows_of, given.rounds, given.threads)
        if "export" in parts:
            figures += tables.exported(rows_of, directory, given.threads)
    return figures
