"""Time and memory of ingest and statistics at 1, 10 and 100 times flights.

    python -m benchmarks.scale [--times 1,10,100] [--set KEY=VALUE]

The prepared rows of flights, each copy 364 days after the one before and in a Parquet file of its own; a
quarter of the days is `eval` at every size. The first two steps of the graph run in a process of their own,
by the runner of `tandem run`. Memory is the resident size of the process tree, sampled from outside, with
shared pages in full, so that other processes do not change it; libraries take most of it. At 100 times the
rows and their examples need about 45 GB where temporary files lie, and a tenth of it with
`--set data.compression=gzip`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import psutil

from benchmarks import machine
from benchmarks.quality import FLIGHTS, prepared
from benchmarks.record import Figure
from pipeline.config import load

STEPS = ("ingest", "statistics")
DAYS = 364
FIRST_EVAL_DAY = 273
"""Of the days of one copy; three quarters of 364."""
MOST_MEMORY = 1.2
"""Peak memory, at most this many times that of the first size."""
MOST_SECONDS = 1.2
"""Seconds for each row, at most this many times those of the first size: what grows faster is not linear."""
INTERVAL_SECONDS = 0.1


def steps(config: Path, root: Path, overrides: list[str]) -> list[dict[str, Any]]:
    """Runs the graph up to and with `STEPS`; name, start on the monotonic clock, seconds."""
    from pipeline.graph import build
    from pipeline.local.runner import Outcome, run_graph
    from pipeline.local.watcher import Watcher
    from pipeline.root import Root
    from pipeline.runs.store import RunStore

    class Reached(Exception):  # noqa: N818 - not an error
        """The step after the last one that is measured."""

    class UpTo(Watcher):
        """Ends the run before the next step."""

        def step_started(self, name: str, index: int, count: int) -> None:  # noqa: ARG002
            if index == len(STEPS):
                raise Reached

    loaded = load(config, overrides)
    place = Root(root)
    run = RunStore(place).create("", config.parent)
    graph = build(loaded, config.parent, place)
    outcome = Outcome()
    began = time.monotonic()
    with contextlib.suppress(Reached):
        run_graph(graph, place, run, 1, UpTo(), outcome)
    if outcome.error:
        raise SystemExit(f"{outcome.error.code} {outcome.error.message}; logs in {run.directory}")
    return [{"name": s.name, "start": began + s.start_seconds, "seconds": s.seconds} for s in outcome.steps]


class Measured(NamedTuple):
    """What a step took."""

    seconds: float
    gib: float


class Memory:
    """Samples of the memory of a process tree until the process ends."""

    def __init__(self, process: int) -> None:
        self._root = psutil.Process(process)
        self.samples: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._root.is_running() and self._root.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [self._root, *self._children()]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.samples.append((time.monotonic(), total))
            time.sleep(INTERVAL_SECONDS)

    def _children(self) -> list[psutil.Process]:
        try:
            return self._root.children(recursive=True)
        except psutil.Error:
            return []

    def peak(self, start: float, stop: float) -> int:
        """Greatest sample between two times, bytes."""
        self._thread.join()
        return max(size for at, size in self.samples if start <= at <= stop)


def write_copies(rows: pd.DataFrame, first: int, count: int, directory: Path) -> None:
    """One Parquet file for each of the copies from `first` on."""
    dates = pd.to_datetime(rows["date"])
    for number in range(first, count):
        later = pd.Timedelta(days=DAYS * number)
        moved = {"departure": rows["departure"] + later, "date": (dates + later).dt.strftime("%Y-%m-%d")}
        rows.assign(**moved).to_parquet(directory / f"copy-{number:03d}.parquet", index=False)


def eval_from(copies: int) -> str:
    """Where `eval` begins among so many copies."""
    first = pd.Timestamp(load(FLIGHTS, []).data.split.eval_from)
    return str((first + pd.Timedelta(days=FIRST_EVAL_DAY * (copies - 1))).isoformat())


def measured(data: Path, copies: int, overrides: list[str]) -> dict[str, Measured]:
    """Seconds and peak memory of each step."""
    with tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        config, result = Path(scratch) / "config.yaml", Path(scratch) / "steps.json"
        config.write_text(FLIGHTS.read_text())
        command = [sys.executable, "-m", "benchmarks.scale", "--run", str(config), str(result)]
        own = ("data.prepare=null", f"data.path={data}", f"data.split.eval_from={eval_from(copies)}")
        for override in (*own, *overrides):
            command += ["--set", override]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        memory = Memory(process.pid)
        _, told = process.communicate()
        if process.returncode:
            raise SystemExit(f"exit status {process.returncode}: {' '.join(command)}\n{told}")
        return {
            step["name"]: Measured(
                step["seconds"], memory.peak(step["start"], step["start"] + step["seconds"]) / 2**30
            )
            for step in json.loads(result.read_text())
        }


def figures(runs: dict[int, dict[str, Measured]]) -> list[Figure]:
    """How time and memory grow from the first size on."""
    first, *others = runs
    peaks = {times: max(step.gib for step in run.values()) for times, run in runs.items()}
    seconds = {times: sum(step.seconds for step in run.values()) for times, run in runs.items()}
    found = [Figure(f"seconds at {times} times", seconds[times], "s") for times in runs]
    found.append(Figure(f"peak memory at {first} times", peaks[first], "GiB"))
    for times in others:
        memory = peaks[times] / peaks[first]
        slower = seconds[times] / seconds[first] * first / times
        found.append(Figure(f"peak memory at {times} times", memory, "times", limit=MOST_MEMORY))
        found.append(Figure(f"seconds for each row at {times} times", slower, "times", limit=MOST_SECONDS))
    return found


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; how seconds and memory grow."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--times", default="1,10,100", help="sizes, ascending; the first is the measure")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field")
    parser.add_argument("--run", nargs=2, type=Path, metavar=("CONFIG", "RESULT"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.run:
        config, result = given.run
        result.write_text(json.dumps(steps(config, config.parent / "root", given.set)))
        return []
    print(machine.line())
    rows = prepared(load(FLIGHTS, []), FLIGHTS.parent)
    print(f"{'times':>5} {'rows':>11} {'step':<11} {'seconds':>8} {'rows/s':>8} {'peak GiB':>9}", flush=True)
    runs: dict[int, dict[str, Measured]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        written = 0
        for times in map(int, given.times.split(",")):
            write_copies(rows, written, times, data)
            written, count = times, times * len(rows)
            runs[times] = measured(data, times, given.set)
            for name, step in runs[times].items():
                rate = count / step.seconds
                print(
                    f"{times:>5} {count:>11,} {name:<11} {step.seconds:8.1f} {rate:8,.0f} {step.gib:9.2f}",
                    flush=True,
                )
    found = figures(runs)
    for figure in found:
        if figure.limit is not None:
            print(f"{figure.name}: {figure.value:.2f} times, promised at most {figure.limit}")
    return found


if __name__ == "__main__":
    main()
