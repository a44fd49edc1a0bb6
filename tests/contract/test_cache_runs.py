"""Real runs run exactly the steps again that a change affects."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.fingerprint import SOURCES

ALL = frozenset(SOURCES)


@pytest.mark.soak
def test_real_runs_run_exactly_what_a_change_affects(small: ModuleType, tmp_path: Path) -> None:
    small.write(tmp_path, "binary")

    def ran(*overrides: str) -> set[str]:
        result = small.again(tmp_path, "gate.rules=[{metric: log_loss, max: 0}]", *overrides)
        assert (result.summary["error"], result.summary["status"]) == (None, "not_blessed")
        return {step["name"] for step in result.summary["steps"] if step["state"] == "ran"}

    # Never blessed, so that no push changes what the next run is compared with.
    assert ran() == ALL
    data = tmp_path / "data.csv"
    os.utime(data, (1, 1))
    assert ran() == set()
    assert ran("gate.rules.0.max=0.001") == {"gate", "push"}
    content = data.read_bytes()
    digit = content.index(b".") + 1
    other = b"1" if content[digit : digit + 1] != b"1" else b"2"
    data.write_bytes(content[:digit] + other + content[digit + 1 :])
    assert ran() == ALL
