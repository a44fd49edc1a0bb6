"""Training: examples per second beside peers, and time per step with a table of ten million rows.

    python -m benchmarks.training [--rounds N] [--root DIR]

Every trainer takes the same batches of flights, transformed by the pipeline and held in memory, with the same
loss; each is a process of its own, with the cores and threads named in the table and no more. In each round
every trainer takes 64 steps, in an order drawn anew; the first rounds do not count. `--root` keeps the
pipeline run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.record import Figure


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each trainer that count")
    parser.add_argument("--root", type=Path, help="of the pipeline run; a temporary place by default")
    given = parser.parse_args(arguments)
    # Peers import this package where the project's libraries are absent.
    from benchmarks import machine
    from benchmarks.training import tables
    from benchmarks.training.rows import prepare

    print(machine.line())
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        prepare(given.root or directory / "root", directory)
        return [
            *tables.peers(sys.executable, directory, given.rounds),
            *tables.table_sizes(sys.executable, directory, given.rounds),
        ]
