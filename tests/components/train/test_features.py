"""The trainer is told of tables or of sequences, by the task of the plan."""

from __future__ import annotations

from pathlib import Path

from components.train.features import resolve
from tests.trainer import reversed_words
from trainer.spec import SequenceFeatureSpec


def test_a_plan_of_texts_becomes_a_specification_of_sequences(tmp_path: Path) -> None:
    place = reversed_words.build(tmp_path, count=20)
    found = resolve(str(place.graph), place.plan)
    assert set(found) == {"features"}
    assert isinstance(found["features"], SequenceFeatureSpec)
    assert found["features"] == place.features
    assert found["features"].raw == {"word": "string"}
