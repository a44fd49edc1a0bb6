"""Clocks round a training: what is booked where, and what a step takes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.codistillation.measured_trainer import (
    EXCHANGE,
    PROGRESS,
    Block,
    Clock,
    TimedWork,
    peak_bytes,
    step_times,
)


def test_what_a_timed_function_calls_counts_for_the_outer_one() -> None:
    clock = Clock()
    inner = clock.around(PROGRESS, lambda: time.sleep(0.02))
    outer = clock.around(EXCHANGE, lambda: inner())
    outer()
    assert clock.seconds[EXCHANGE] >= 0.02
    assert clock.seconds[PROGRESS] == 0.0
    inner()
    assert clock.seconds[PROGRESS] >= 0.02


def test_a_function_that_raises_is_booked_and_the_next_one_is_too() -> None:
    def fails() -> None:
        time.sleep(0.01)
        raise ValueError("no")

    clock = Clock()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            clock.around(EXCHANGE, fails)()
    assert clock.seconds[EXCHANGE] >= 0.02


class Work:
    """Blocks of the numbers they are given."""

    steps = 7

    def blocks(self) -> str:
        return "blocks of the work"

    def train(self, block: int) -> tuple[list[float], list[float]]:
        time.sleep(0.01)
        return [], [0.0] * block


def test_work_is_as_it_was_but_for_the_times_of_its_blocks() -> None:
    work: Any = TimedWork(Work())
    assert (work.steps, work.blocks()) == (7, "blocks of the work")
    assert work.train(3) == ([], [0.0, 0.0, 0.0])
    (block,) = work.taken
    assert block.steps == 3
    assert block.seconds >= 0.01 > block.cpu_seconds


def test_a_step_is_that_of_the_last_blocks_without_the_one_that_traced() -> None:
    blocks = [Block(1, 60.0, 70.0), *[Block(10, 9.0, 9.0)] * 4, Block(4, 1.0, 2.0), *[Block(2, 1.0, 3.0)] * 2]
    assert step_times(blocks) == (0.5, 1.5)
    assert step_times(blocks, 0.4) == (0.5, 1.5)
    assert step_times(blocks[:1]) == (60.0, 70.0)


def test_the_peak_is_of_this_process_and_not_of_the_one_that_started_it() -> None:
    held = bytearray(b"x") * (200 << 20)
    code = "from benchmarks.codistillation.measured_trainer import peak_bytes; print(peak_bytes())"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert 1 << 20 < int(done.stdout) < 100 << 20
    assert peak_bytes() > len(held)
