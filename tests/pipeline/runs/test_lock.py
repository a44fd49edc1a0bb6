"""The lock between processes."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.runs.lock import ensure_free, exclusive, running
from trainer.errors import TandemError

PROJECT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from pipeline.runs.lock import exclusive
with exclusive(Path(sys.argv[1]), "run of flights") as works_on:
    works_on("20260101-000000-aaaa")
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.wait()


def test_the_loser_is_told_who_holds_the_lock_and_a_dead_holder_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "root" / "run.lock"
    with held(path) as holder:
        with pytest.raises(TandemError, match="RUN-004") as refused, exclusive(path, "run of another"):
            pass
        assert f"process {holder.pid} on " in refused.value.message
        assert "run of flights, 20260101-000000-aaaa" in refused.value.message
        assert "--root" in refused.value.hint
        with pytest.raises(TandemError, match="RUN-004"):
            ensure_free(path)
        assert running(path) == "20260101-000000-aaaa"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert running(path) is None
        ensure_free(path)
        with exclusive(path, "run of another"):
            assert f'"pid": {os.getpid()}' in path.read_text()
            assert "flights" not in path.read_text()


def test_the_lock_is_free_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with pytest.raises(KeyError), exclusive(path, "first"):
        raise KeyError
    with exclusive(path, "second"):
        pass


def test_asking_makes_no_lock_file(tmp_path: Path) -> None:
    assert running(tmp_path / "run.lock") is None
    ensure_free(tmp_path / "run.lock")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "no json", "[1]"])
def test_a_holder_that_has_not_said_who_it_is_is_another_process(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.lock"
    with held(path):
        path.write_text(content)
        with pytest.raises(TandemError, match="held by another process"):
            ensure_free(path)
        assert running(path) is None


def test_a_command_that_only_looks_does_not_keep_a_run_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    path.touch()
    looking = os.open(path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    timer = threading.Timer(0.1, os.close, [looking])
    timer.start()
    with exclusive(path, "run of flights"):
        assert not timer.is_alive()
