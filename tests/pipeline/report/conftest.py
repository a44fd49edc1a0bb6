"""Views of runs for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.pipeline.report.views import KINDS, View


@pytest.fixture(scope="session")
def make_view() -> Callable[[str], View]:
    """A fresh view by kind: pushed, refused, failed, regression, wide or empty."""
    return lambda kind: KINDS[kind]()
