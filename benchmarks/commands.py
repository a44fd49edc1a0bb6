"""Time of commands that answer at once, as whole processes.

    python -m benchmarks.commands

The median of the runs after one that fills the caches.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.quality import FLIGHTS
from benchmarks.record import Figure

RUNS = 9
# What is typed, the exit status it must have, and the most seconds promised.
COMMANDS = (
    ("--help", 0, 0.5),
    ("run broken.yaml", 2, 1.0),
    ("run flights.yaml --set train.epoch=3", 2, 1.0),
    ("config show flights.yaml", 0, 1.0),
)


def seconds(words: list[str], status: int, place: Path) -> float:
    """Wall seconds of one process, which must end with `status`."""
    tandem = str(Path(sys.executable).with_name("tandem"))
    started = time.perf_counter()
    done = subprocess.run([tandem, *words], cwd=place, capture_output=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode != status:
        raise SystemExit(f"tandem {' '.join(words)}: expected status {status}, got {done.returncode}")
    return taken


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; the seconds of each command."""
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args(arguments)
    print(machine.line())
    print(f"{'command':<40} {'seconds':>8} {'promised':>9} {'of it':>6}")
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "flights.yaml").write_text(FLIGHTS.read_text())
        (place / "broken.yaml").write_text("name: data\n  task: [binary\n")
        for line, status, most in COMMANDS:
            words = line.split()
            seconds(words, status, place)
            median = statistics.median(seconds(words, status, place) for _ in range(RUNS))
            print(f"tandem {line:<33} {median:8.2f} {most:9.1f} {median / most:6.0%}")
            figures.append(Figure(f"tandem {line}", median, "s", limit=most))
    return figures


if __name__ == "__main__":
    main()
