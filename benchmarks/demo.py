"""Time of a demo: every row, from an installed environment, then once more with nothing changed.

python -m benchmarks.demo [CONFIG] [--set KEY=VALUE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.record import Figure

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FLIGHTS, PRONUNCIATION = (EXAMPLES / name / "config.yaml" for name in ("flights", "pronunciation"))
MOST_SECONDS = {FLIGHTS: 240.0, PRONUNCIATION: 480.0}
"""Promises; other configs have none."""
MOST_SECONDS_AGAIN = 20.0


def timed_run(config: Path, root: Path, overrides: list[str]) -> tuple[dict[str, Any], float]:
    """Summary of a run in a process of its own, and its wall seconds, start-up included."""
    tandem = str(Path(sys.executable).with_name("tandem"))
    command = [tandem, "run", str(config), "--root", str(root), "--json"]
    for override in overrides:
        command += ["--set", override]
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - started
    summary = json.loads(done.stdout)
    if summary["error"]:
        raise SystemExit(f"the run failed: {summary['error']}")
    return summary, seconds


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; the seconds of each step and of both runs."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=FLIGHTS)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field")
    given = parser.parse_args(arguments)
    print(machine.line())
    with tempfile.TemporaryDirectory() as scratch:
        (first, seconds), (second, again) = (
            timed_run(given.config, Path(scratch), given.set) for _ in range(2)
        )
    print(f"rows: {sum(first['rows'].values()):,}; {first['status']}")
    print(f"{'step':<12} {'seconds':>8} {'share':>6} {'peak GiB':>9} {'again':>8}")
    for step, repeated in zip(first["steps"], second["steps"], strict=True):
        memory = step["peak_rss_bytes"] / 2**30
        print(
            f"{step['name']:<12} {step['seconds']:8.1f} {step['seconds'] / seconds:6.0%} {memory:9.1f} "
            f"{repeated['state']:>8}"
        )
    steps = sum(step["seconds"] for step in first["steps"])
    print(f"{'start, report':<12} {seconds - steps:7.1f} {(seconds - steps) / seconds:6.0%}")
    print(f"{'whole':<12} {seconds:8.1f} {1:6.0%} {'':>9} {again:7.1f}s")
    peak = max(step["peak_rss_bytes"] for step in first["steps"])
    return [
        Figure("whole", seconds, "s", limit=MOST_SECONDS.get(given.config.resolve())),
        Figure("again, nothing changed", again, "s", limit=MOST_SECONDS_AGAIN),
        Figure("start and report", seconds - steps, "s"),
        *(Figure(step["name"], step["seconds"], "s") for step in first["steps"]),
        Figure("peak memory", peak / 2**30, "GiB"),
    ]


if __name__ == "__main__":
    main()
