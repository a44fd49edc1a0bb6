"""Options of the whole suite and what several rooms of it share; pytest reads them from here only."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline import kernels

HERE = Path(__file__).parent
# Read once, when TensorFlow is loaded; child processes whose bits are compared with ours must have the same.
os.environ.setdefault(kernels.ONEDNN, "0")
# A shell that starts the tests in the background has them ignore interrupts, and their child processes too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
GOLDEN = HERE / "contract" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-rows",
        action="store_true",
        help="run the demo and every command of the README whole, not on a part of the rows",
    )
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew; look at the difference before keeping it",
    )


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with `contract/golden/NAME`, or writes that file anew with `--update-golden`."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("update_golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"no golden file {name}: run pytest --update-golden"
        assert text == path.read_text(), f"{name} has changed: if it should, run pytest --update-golden"

    return check


@pytest.fixture(scope="session")
def small() -> ModuleType:
    """The module `contract/small.py`, which child processes run too: a real pipeline of a few rows."""
    spec = importlib.util.spec_from_file_location("contract_small", HERE / "contract" / "small.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small_run(small: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """The run of each task, made when first asked for; whoever asks leaves its root as it is."""

    @functools.cache
    def made(task: str) -> Any:
        return small.run(tmp_path_factory.mktemp(task), task)

    return made
