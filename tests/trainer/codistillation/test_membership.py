"""What a replica is given of its group's plan."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trainer.codistillation.membership import Membership
from trainer.codistillation.teaching import Teaching
from trainer.spec import CodistillationSpec, ReplicaSpec


@pytest.mark.parametrize(
    ("spec", "steps", "every"),
    [
        (CodistillationSpec(), 950, 9),
        (CodistillationSpec(), 1_000_000, 250),
        (CodistillationSpec(max_staleness_steps=40), 1_000_000, 40),
        (CodistillationSpec(), 7, 1),
        (CodistillationSpec(exchange_every_steps=30), 950, 30),
    ],
)
def test_weights_are_published_as_often_as_the_training_is_long(
    spec: CodistillationSpec, steps: int, every: int, tmp_path: Path
) -> None:
    group = Membership(spec, ReplicaSpec(0, "group", str(tmp_path)), 1)
    teacher: Any = SimpleNamespace(peers=SimpleNamespace(replicas=(1,)), teaching=Teaching.of(spec, steps))
    model = cast(Any, SimpleNamespace(trainable_variables=[]))
    assert group.companion(teacher, steps, model, tmp_path).every == every
