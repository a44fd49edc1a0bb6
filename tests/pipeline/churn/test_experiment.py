"""Which models an experiment trains, and what it compares."""

from __future__ import annotations

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.churn.asked import Experiment
from pipeline.churn.evaluation import Answers, Times
from pipeline.churn.experiment import compared
from pipeline.churn.laboratory import CODISTILLED, ENSEMBLE, SINGLE, Trial
from trainer.errors import TandemError
from trainer.spec import CodistillationSpec


class Bench:
    """Stands in for a laboratory whose models are named after what they are."""

    seed = 5
    codistillation = CodistillationSpec(weight=0.5)

    def single(self, seed: int) -> Trial:
        return Trial(SINGLE, (seed,), 10, 1.0, f"single-{seed}")

    def codistilled(self, seed: int) -> Trial:
        return Trial(CODISTILLED, (seed,), 10, 2.0, f"codistilled-{seed}")

    def ensemble(self, members: tuple[Trial, ...]) -> Trial:
        seeds = tuple(seed for member in members for seed in member.seeds)
        return Trial(ENSEMBLE, seeds, 20, 2.0, "ensemble-" + "-".join(map(str, seeds)))


class Split:
    """Stands in for an eval split: a model of seeds s predicts s / 100 for one row and 0.4 for another."""

    def ask(self, model: Path) -> Answers:
        seeds = [int(part) for part in model.parts[0].split("-")[1:]]
        mean = sum(seeds) / len(seeds) / 100
        return Answers([[mean], [0.4]], {"log_loss": mean})

    def time(self, models: Mapping[str, Path]) -> dict[str, Times]:
        return {name: Times((3.0, 1.0, 2.0), len(model.parts[0])) for name, model in models.items()}


def test_every_pair_of_retrains_is_compared_within_its_kind() -> None:
    told: list[str] = []
    bench: Any = Bench()
    found = compared(bench, Split(), "binary", Experiment(3), told.append)
    assert found["seeds"] == [5, 6, 7]
    assert [one["seeds"] for one in found["trials"] if one["kind"] == SINGLE] == [[5], [6], [7]]
    # No training is a member of two ensembles.
    assert [one["seeds"] for one in found["trials"] if one["kind"] == ENSEMBLE] == [[5, 8], [6, 9], [7, 10]]
    assert [one["measures"]["log_loss"] for one in found["trials"][-3:]] == pytest.approx(
        [0.065, 0.075, 0.085]
    )
    for kind in (SINGLE, CODISTILLED, ENSEMBLE):
        pairs = [pair for pair in found["pairs"] if pair["kind"] == kind]
        assert [pair["seeds"] for pair in pairs] == [[5, 6], [5, 7], [6, 7]]
        # The second row is the same for all.
        assert [pair["churn"] for pair in pairs] == pytest.approx([0.005, 0.01, 0.005])
        assert {pair["decisions_flipped"] for pair in pairs} == {0.0}
    assert found["serving"][SINGLE] == {"milliseconds": 2.0, "rounds": [3.0, 1.0, 2.0], "batch": 8}
    assert found["codistillation"]["weight"] == 0.5
    assert "launch" not in found["codistillation"]
    assert told[0] == "training 1/9: single, seed 5"
    assert told[8] == "training 9/9: codistilled, seed 7"


def test_one_training_alone_cannot_be_compared() -> None:
    with pytest.raises(TandemError, match=r"CHURN-001.*retrains=1"):
        Experiment(1).check()
    Experiment(2).check()
