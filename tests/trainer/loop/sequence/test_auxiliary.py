"""The schedule of a second task, and what it sees."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import tensorflow as tf

from tests.trainer.sequences import features, language_model
from trainer.errors import TandemError
from trainer.loop.sequence.auxiliary import Auxiliary, check_auxiliary
from trainer.spec import AuxiliarySpec


def test_shares_move_along_a_line() -> None:
    auxiliary = Auxiliary(AuxiliarySpec("language_model", start=0.5, end=0.0), 1000)
    taken = [auxiliary.takes(step) for step in range(1000)]
    assert sum(taken) == 250
    assert sum(taken[:100]) == pytest.approx(47.5, abs=1)
    assert sum(taken[900:]) == pytest.approx(2.5, abs=1)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 50)])
def test_a_share_of_nothing_or_all(share: float, count: int) -> None:
    auxiliary = Auxiliary(AuxiliarySpec("language_model", share, share), 50)
    assert sum(auxiliary.takes(step) for step in range(50)) == count


def test_none_takes_no_step() -> None:
    assert not any(Auxiliary(AuxiliarySpec(start=1.0, end=1.0), 5).takes(step) for step in range(5))


@pytest.mark.parametrize(
    ("task", "source", "target"),
    [("language_model", [[0]], [[6, 7, 8]]), ("reconstruct", [[6, 7, 8]], [[4, 5]])],
)
def test_what_each_task_sees(task: Any, source: list[list[int]], target: list[list[int]]) -> None:
    batch = {"source_ids": tf.constant([[4, 5]]), "target_ids": tf.constant([[6, 7, 8]])}
    seen = Auxiliary(AuxiliarySpec(task), 1).batch(batch)
    assert seen["source_ids"].numpy().tolist() == source
    assert seen["target_ids"].numpy().tolist() == target


def test_what_the_units_do_not_allow_is_refused() -> None:
    check_auxiliary(AuxiliarySpec("language_model"), features())
    with pytest.raises(TandemError, match=r"TRAIN-512.*reconstruct"):
        check_auxiliary(AuxiliarySpec("reconstruct"), features())
    with pytest.raises(TandemError, match="TRAIN-512"):
        check_auxiliary(AuxiliarySpec("language_model"), language_model())
    source = features().source
    assert source is not None
    shared = dataclasses.replace(features(), target=source)
    check_auxiliary(AuxiliarySpec("reconstruct"), shared)
