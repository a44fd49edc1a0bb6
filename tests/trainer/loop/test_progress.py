"""How a training says that it lives."""

from __future__ import annotations

import logging as standard_logging

import pytest

from trainer.loop import Heartbeat


def test_the_heartbeat_is_silent_for_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    beat = Heartbeat(clock=lambda: now[0])
    with caplog.at_level(standard_logging.INFO, logger="absl"):
        for second in range(1, 26):
            now[0] = float(second)
            beat(second, 100, 1000.0, 75.0, 0.5)
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "step 10 of 100", "step 20 of 100",
    ]  # fmt: skip
