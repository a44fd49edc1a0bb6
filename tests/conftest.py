"""Options of the whole suite; pytest reads them from here only."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-rows",
        action="store_true",
        help="run the demo and every command of the README whole, not on a part of the rows",
    )
