"""Who is told about the progress of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import pytest
from absl import logging

from components.train.executor import _checkpoint_directory
from components.train.group.standing import Standing
from components.train.progress import current, current_group, shown_by
from trainer.loop import Heartbeat


def test_the_receiver_set_last_is_told_until_its_block_ends() -> None:
    told: list[str] = []

    def first(*_: float) -> None:
        told.append("first")

    def second(*_: float) -> None:
        told.append("second")

    assert isinstance(current(), Heartbeat)
    with shown_by(first):
        with pytest.raises(KeyError), shown_by(second):  # noqa: PT012
            current()(1, 2, 3.0, 4.0, 5.0)
            raise KeyError
        current()(1, 2, 3.0, 4.0, 5.0)
    assert told == ["second", "first"]
    assert isinstance(current(), Heartbeat)


def test_a_group_tells_its_own_receiver_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    standings = [Standing(0, "training", 1, 5, 10, 20.0), Standing(1, "waiting")]
    told: list[Any] = []
    with shown_by(lambda *_: None, told.append):
        current_group()(standings)
        with shown_by(lambda *_: None):
            current_group()(standings)
    assert told == [standings, standings]
    logging.set_verbosity(logging.INFO)
    current_group()(standings)
    assert caplog.messages == [
        "replica 0 training: step 5 of 10, 20 examples/s, restarts 1",
        "replica 1 waiting",
    ]


def test_checkpoints_are_kept_apart_by_all_that_a_training_depends_on(tmp_path: Path) -> None:
    properties = {"checkpoint_root": str(tmp_path), "train": "{}", "fingerprint": "a", "recorded_requests": 5}
    place = _checkpoint_directory(properties, "/artifacts/6")
    assert place.parent == tmp_path
    assert _checkpoint_directory(dict(reversed(properties.items())), "/artifacts/6") == place
    others = {
        _checkpoint_directory({**properties, "fingerprint": "b"}, "/artifacts/6"),
        _checkpoint_directory({**properties, "train": '{"seed": 2}'}, "/artifacts/6"),
        _checkpoint_directory(properties, "/artifacts/7"),
    }
    assert len(others | {place}) == 4
