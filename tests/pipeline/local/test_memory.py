"""Peak memory of a step."""

from __future__ import annotations

import mmap
import subprocess
import sys
import threading

import psutil
import pytest

from pipeline.local.memory import PeakMemory

MEBIBYTE = 2**20


def test_a_peak_between_start_and_end_is_seen() -> None:
    before = psutil.Process().memory_info().rss
    # A mapping of its own goes back to the system at once, whatever the allocator keeps.
    with PeakMemory() as memory, mmap.mmap(-1, 300 * MEBIBYTE) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
        threading.Event().wait(0.6)
    after = psutil.Process().memory_info().rss
    assert memory.peak_bytes - before > 250 * MEBIBYTE
    assert memory.peak_bytes - after > 200 * MEBIBYTE
    assert not memory._thread.is_alive()


def test_children_count_and_may_die_meanwhile() -> None:
    before = psutil.Process().memory_info().rss
    child = "block = b'x' * (200 * 2**20); import time; time.sleep(1.2)"
    with PeakMemory() as memory:
        subprocess.run([sys.executable, "-c", child], check=True)
    assert memory.peak_bytes - before > 150 * MEBIBYTE


def test_an_exception_passes_through_and_the_watching_ends() -> None:
    with pytest.raises(KeyError), PeakMemory() as memory:
        raise KeyError
    assert memory.peak_bytes > 0
    assert not memory._thread.is_alive()
