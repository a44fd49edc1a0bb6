"""The same inputs give the same model, told by a file or by a call; what cannot be done is refused first."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.trainer.loop.sequence.conftest import run_spec
from tests.trainer.reversed_words import TextPlace
from trainer.__main__ import main
from trainer.errors import TandemError
from trainer.loop import RunSpec, run
from trainer.spec import DecodingSpec, SequenceModelSpec, SequenceTrainSpec, StackSpec, TrainSpec
from trainer.storage import write_json

LAYERS = SequenceModelSpec(
    embedding=8,
    encoder=StackSpec(units=16),
    decoder=StackSpec(units=16),
    decoding=DecodingSpec(beam=2, n_best=1),
)
PLAN = TrainSpec(epochs=0.05, sequence=SequenceTrainSpec(batch_tokens=1200))


def test_same_inputs_and_seed_give_the_same_digest_and_another_seed_another(
    place: TextPlace, tmp_path: Path
) -> None:
    write_json(tmp_path / "spec.json", run_spec(place, tmp_path / "file", LAYERS, PLAN))
    assert main(["trainer", str(tmp_path / "spec.json")]) == 0
    told = json.loads((tmp_path / "file" / "run" / "training.json").read_text())
    digests = [told["model_digest"]]
    for seed in (1, 2):
        spec = run_spec(place, tmp_path / str(seed), LAYERS, dataclasses.replace(PLAN, seed=seed))
        digests.append(run(RunSpec.from_json(spec))["model_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_a_warm_start_is_refused_before_the_training(place: TextPlace, tmp_path: Path) -> None:
    spec = run_spec(place, tmp_path, LAYERS, dataclasses.replace(PLAN, warm_start="keep"))
    with pytest.raises(TandemError, match="TRAIN-515"):
        run(RunSpec.from_json(spec))
    assert not (tmp_path / "run").exists()
