"""Fixtures for pushes; the helpers are a module that child processes run too."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import components

HERE = Path(__file__).parent


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"push_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def helpers() -> ModuleType:
    return _load("place")


@pytest.fixture
def place(helpers: ModuleType, tmp_path: Path) -> Any:
    return helpers.Place(tmp_path)


@pytest.fixture(scope="session")
def faults(helpers: ModuleType) -> Any:
    return helpers.Faults()


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts `child.py` with arguments, its output piped."""
    source = Path(next(iter(components.__path__))).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(source)])}

    def run(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "child.py"), *map(str, arguments)]
        return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)

    return run
