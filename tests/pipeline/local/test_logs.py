"""Log files of steps."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from absl import logging as absl_logging

from pipeline.local.logs import to_file


def state() -> tuple[object, ...]:
    root = logging.getLogger()
    return list(root.handlers), root.level, warnings.showwarning, os.fstat(2).st_ino


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def write_natively(text: bytes) -> None:
    ctypes.CDLL(None).write(2, text, len(text))


def test_everything_goes_to_the_file_and_nothing_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "logs" / "train.log"
    before, open_before = state(), descriptors()
    with to_file(path):
        logging.getLogger("library").info("from logging")
        absl_logging.info("from absl")
        warnings.warn("from warnings", stacklevel=1)
        write_natively(b"from native code\n")
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('from a child\\n')"], check=True)
    text = path.read_text()
    for source in ("logging", "absl", "warnings", "native code", "a child"):
        assert f"from {source}" in text
    assert capfd.readouterr() == ("", "")
    assert state() == before
    assert descriptors() == open_before
    write_natively(b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert "after" not in path.read_text()


def test_an_exception_leaves_nothing_changed_and_passes_through(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.log"
    before, open_before = state(), descriptors()
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), to_file(path):  # noqa: PT012
            logging.getLogger().addHandler(logging.NullHandler())
            raise error
    assert state() == before
    assert descriptors() == open_before
    assert capfd.readouterr().err == ""


def test_a_verbose_run_says_it_in_both_places(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    terminal = logging.StreamHandler()
    logging.getLogger().addHandler(terminal)
    try:
        with to_file(tmp_path / "train.log", verbose=True):
            logging.getLogger("library").warning("seen twice")
            write_natively(b"native\n")
    finally:
        logging.getLogger().removeHandler(terminal)
    assert "seen twice" in (tmp_path / "train.log").read_text()
    assert "native\n" in capfd.readouterr().err


def test_a_second_attempt_is_added_to_the_file(tmp_path: Path) -> None:
    for attempt in ("first", "second"):
        with to_file(tmp_path / "train.log"):
            logging.getLogger("library").info(attempt)
    text = (tmp_path / "train.log").read_text()
    assert text.index("first") < text.index("second")
