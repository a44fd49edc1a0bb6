"""Synthetic transformed examples and a real transform graph, shared by the tests of the trainer's rooms."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"trainer_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module `synthetic.py` beside this file, which child processes run too."""
    return _load("synthetic")


@pytest.fixture(scope="session")
def make() -> ModuleType:
    """The module `transformed.py` beside this file: raw rows, their specification and models for it."""
    return _load("transformed")


@pytest.fixture(scope="session")
def place(make: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A transform graph, raw examples and transformed examples."""
    return make.build(tmp_path_factory.mktemp("graph"))
