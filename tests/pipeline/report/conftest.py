"""Views of runs for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.pipeline.report import group_views, sequence_views
from tests.pipeline.report.views import KINDS, View


@pytest.fixture(scope="session")
def make_view() -> Callable[[str], View]:
    """A fresh view by kind: of `views`, `sequence_views` or `group_views`."""
    return lambda kind: {**KINDS, **sequence_views.KINDS, **group_views.KINDS}[kind]()
