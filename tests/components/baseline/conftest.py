"""Shares the helpers of the push tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def place(tmp_path: Path) -> Any:
    file = Path(__file__).parents[1] / "push" / "place.py"
    spec = importlib.util.spec_from_file_location("baseline_place", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Place(tmp_path)
