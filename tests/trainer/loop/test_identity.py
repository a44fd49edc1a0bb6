"""What tells a checkpoint of one training from that of another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from trainer.loop.state import identity
from trainer.spec import CodistillationSpec, FeatureSpec, LaunchSpec, ModelSpec, TrainSpec

FEATURES = FeatureSpec("binary", 1)
GROUP = CodistillationSpec()


def known(index: int | None = 0, **changes: Any) -> str:
    plan = TrainSpec(codistillation=dataclasses.replace(GROUP, **changes))
    return identity(FEATURES, ModelSpec(), plan, [], "", 8, index)


def test_replicas_and_what_they_learn_from_each_other_count() -> None:
    others = [known(1), known(weight=2.0), known(shared_data=0.5), known(exchange_every_steps=9)]
    assert len({known(), *others}) == 5


def test_how_they_are_started_does_not() -> None:
    launch = LaunchSpec(directory="/elsewhere", restarts=9)
    assert known() == known(launch=launch) == known(max_staleness_steps=1) == known(weight=1)


def test_a_single_training_is_known_as_before_there_were_groups() -> None:
    told = TrainSpec().to_json()
    del told["checkpoint_every_steps"], told["codistillation"]
    content = [FEATURES.to_json(), ModelSpec().to_json(), told, "", 8]
    before = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert identity(FEATURES, ModelSpec(), TrainSpec(), [], "", 8) == before
