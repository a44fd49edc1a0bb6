"""Fixtures of the exchange."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainer import faults

HERE = Path(__file__).parent


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts `child.py` with arguments, its output piped."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[3])}

    def run(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "child.py"), *map(str, arguments)]
        return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)

    return run


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Arms a fault; an empty text disarms."""

    def arm(text: str) -> None:
        monkeypatch.setenv(faults.VARIABLE, text)
        faults.rearm()

    yield arm
    monkeypatch.delenv(faults.VARIABLE, raising=False)
    faults.rearm()
