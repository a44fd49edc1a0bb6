"""One trainer in a process of its own, which takes its turn when it is told to: both ends of the pipe.

Imports nothing but the standard library and NumPy, so that peers in another environment can use it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
SETTINGS, BATCHES = "settings.json", "batches.npz"
WARM_UP = 3

Block = dict[str, NDArray[Any]]
Turn = Callable[[int], Any]


class Worker:
    """The end that tells.

    Args:
        python: interpreter of the environment that holds the trainer.
        arguments: module and its arguments.
        threads: int. The process may use this many cores, and no more.
        **environment: further variables of its environment.
    """

    def __init__(
        self, python: str | Path, arguments: Sequence[str], threads: int, **environment: str
    ) -> None:
        count = str(threads)
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", *arguments, count],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **limits, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        )
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        self._errors.seek(0)
        raise SystemExit(f"a trainer ended: {self._process.args}\n{self._errors.read()[-2000:]}")

    def turn(self, number: int) -> tuple[float, Any]:
        """Takes turn `number`: seconds, and what it found."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{number}\n")
            self._process.stdin.flush()
        found = self._answer()
        return found["seconds"], found["result"]

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()


def in_turns(workers: dict[str, Worker], rounds: int) -> dict[str, list[tuple[float, Any]]]:
    """Every worker once in each round, in an order drawn anew: seconds and results by name."""
    rng = np.random.default_rng()
    taken: dict[str, list[tuple[float, Any]]] = {name: [] for name in workers}
    for number in range(rounds):
        for name in rng.permutation(list(workers)):
            taken[name].append(workers[name].turn(number))
    return taken


def use_cores(threads: int) -> None:
    """Leaves this process so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def read(directory: Path) -> tuple[dict[str, Any], list[Block]]:
    """The settings, and the batches as blocks `(steps, batch, ...)`."""
    settings = json.loads((directory / SETTINGS).read_text())
    with np.load(directory / BATCHES) as held:
        columns = {name: held[name] for name in held.files}
    return settings, [{name: v[i] for name, v in columns.items()} for i in range(len(columns["label"]))]


def serve(turn: Turn, before: Callable[[], None] = lambda: None) -> None:
    """The end that is told: warms up, then takes turns until its input ends.

    Args:
        turn: does the work of one turn.
        before: what a turn needs and nobody measures. Defaults to nothing.
    """
    for number in range(WARM_UP):
        before()
        turn(number)
    print(json.dumps({}), flush=True)
    for line in sys.stdin:
        before()
        started = time.perf_counter()
        result = turn(int(line))
        print(json.dumps({"seconds": time.perf_counter() - started, "result": result}), flush=True)
