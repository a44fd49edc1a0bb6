"""One benchmark in a process of its own, so that none sees the threads, settings and memory of another."""

from __future__ import annotations

import importlib
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

from benchmarks.record import Figure

Found = TypeVar("Found")


def run(module: str, arguments: Sequence[str]) -> tuple[Figure, ...]:
    """Runs one benchmark here; its figures."""
    benchmark = importlib.import_module(f"benchmarks.{module}")
    title = str(benchmark.__doc__).splitlines()[0]
    print(f"\n{title}", *(f"({Path(argument).name})" for argument in arguments), "\n", flush=True)
    return tuple(benchmark.main(list(arguments)))


def apart(module: str, arguments: Sequence[str]) -> tuple[Figure, ...]:
    """Runs one benchmark in a new process.

    Raises:
        SystemExit: what the benchmark ended with.
    """
    return apart_call(run, module, arguments)


def apart_call(function: Callable[..., Found], *arguments: object) -> Found:
    """Calls a function of a module in a new process; what it returns.

    Raises:
        SystemExit: what the function ended with.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
