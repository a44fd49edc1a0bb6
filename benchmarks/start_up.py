"""Time from `tandem run` to the beginning of its first step, and what takes it.

    python -m benchmarks.start_up [CONFIG]

The whole is that of the command itself, from its start as a process to the first step in its events; the
median of the runs after one that fills the caches. Its parts are taken one after the other in another
process, libraries by the time that Python tells for each module (`-X importtime`), which makes imports a
little slower, so the parts may come to more than the whole.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.demo import FLIGHTS
from benchmarks.record import Figure

RUNS = 3
MOST_SECONDS = 15.0
SHOWN = 12
"""Packages with a line of their own."""
INTERVAL_SECONDS = 0.02
PATIENCE_SECONDS = 300.0
_IMPORT = re.compile(r"import time:\s+(?P<self>\d+) \|\s+\d+ \|\s+(?P<package>\w+)")


def until_first_step(config: Path) -> float:
    """Seconds from the start of the command to that of its first step; the run is ended then."""
    tandem = str(Path(sys.executable).with_name("tandem"))
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        process = subprocess.Popen(
            [tandem, "run", str(config), "--root", scratch, "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while time.perf_counter() - started < PATIENCE_SECONDS and process.poll() is None:
                events = Path(scratch).glob("runs/*/events.jsonl")
                if any('"step_started"' in file.read_text() for file in events):
                    return time.perf_counter() - started
                time.sleep(INTERVAL_SECONDS)
        finally:
            process.kill()
            process.wait()
    raise SystemExit(f"no step has started; exit status {process.returncode}")


def stages(config: Path, root: Path, started: float) -> Iterator[tuple[str, float]]:
    """What `tandem run` does before its first step, in its order, with the seconds of each part."""
    import pipeline.cli.app

    yield "Python, command line", time.time() - started
    began = time.time()
    from pipeline.cli.dry_run import inputs
    from pipeline.config import load

    loaded = load(config, [])
    inputs(loaded, config.parent)
    yield "config, input files", time.time() - began
    began = time.time()
    import pipeline.execute  # noqa: F401

    yield "libraries", time.time() - began
    from tfx.dsl.compiler import compiler

    from pipeline.fingerprint import step_fingerprint
    from pipeline.graph import STEPS, build
    from pipeline.local import metadata
    from pipeline.root import Root

    began = time.time()
    for step in STEPS:
        step_fingerprint(step)
    yield "fingerprints of sources", time.time() - began
    began = time.time()
    graph = build(loaded, config.parent, Root(root))
    yield "graph, fingerprint of data", time.time() - began
    began = time.time()
    compiler.Compiler().compile(graph.pipeline)
    with metadata.connect(Root(root).metadata) as handle:
        handle.store.get_executions()
    yield "compiler, ML Metadata", time.time() - began


def by_package(told: str) -> dict[str, float]:
    """Seconds of the modules of each package, those that they import aside, the most first.

    Example:
        >>> by_package("import time: 2000000 | 3000000 | keras.ops\\nimport time: 500000 | 500000 |   numpy")
        {'keras': 2.0, 'numpy': 0.5}
    """
    seconds: dict[str, float] = collections.Counter()
    for line in _IMPORT.finditer(told):
        seconds[line["package"]] += int(line["self"]) / 1e6
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def parts(config: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each part, and of each package."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "stages.json"
        command = [sys.executable, "-X", "importtime", "-m", "benchmarks.start_up", str(config)]
        command += ["--stages", scratch, str(result), str(time.time())]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"exit status {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(result.read_text()), by_package(done.stderr)


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; the seconds before the first step."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=FLIGHTS)
    parser.add_argument("--stages", nargs=3, metavar=("ROOT", "RESULT", "STARTED"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.stages:
        root, result, started = given.stages
        Path(result).write_text(json.dumps(dict(stages(given.config, Path(root) / "root", float(started)))))
        return []
    print(machine.line())
    until_first_step(given.config)
    whole = statistics.median(until_first_step(given.config) for _ in range(RUNS))
    found, packages = parts(given.config)
    print(f"{'part':<30} {'seconds':>8} {'share':>6}")
    for name, seconds in found.items():
        print(f"{name:<30} {seconds:8.2f} {seconds / whole:6.0%}")
        if name == "libraries":
            shown = list(packages.items())[:SHOWN]
            for package, taken in shown:
                print(f"  {package:<28} {taken:8.2f} {taken / whole:6.0%}")
            rest = sum(packages.values()) - sum(taken for _, taken in shown)
            print(f"  {'other packages':<28} {rest:8.2f} {rest / whole:6.0%}")
    print(f"{'whole, to the first step':<30} {whole:8.2f} {1:6.0%}, promised {MOST_SECONDS:.0f}")
    return [
        Figure("whole", whole, "s", limit=MOST_SECONDS),
        *(Figure(name, seconds, "s") for name, seconds in found.items()),
    ]


if __name__ == "__main__":
    main()
