"""The specifications round-trip through plain JSON and refuse what they do not know."""

from __future__ import annotations

import json

import pytest

from pipeline.config.model import Model, Train
from trainer.errors import TandemError
from trainer.spec import Column, DeepSpec, FeatureSpec, ModelSpec, TrainSpec, WideSpec

FEATURES = {
    "task": "multiclass",
    "num_classes": 3,
    "classes": ["a", "b", "c"],
    "wide": [{"name": "carrier", "size": 17, "vocabulary": "carrier"}],
    "deep": [{"name": "carrier", "size": 17, "dim": 8, "vocabulary": None}],
    "dense": ["distance", "distance.missing"],
    "weight": True,
    "raw": {"carrier": "string", "distance": "float"},
    "vocabulary_files": {"carrier": "assets/carrier"},
}

SPECS = [
    FeatureSpec.from_json(FEATURES),
    FeatureSpec("regression", 1, dense=("x",)),
    ModelSpec(WideSpec(enabled=False), DeepSpec(hidden=(8,), dropout=0.5)),
    TrainSpec(class_weights={"a": 2.0}, jit_compile=True, learning_rate_decay="cosine"),
    TrainSpec(class_weights="balanced"),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_round_trip_through_json_text_changes_nothing(spec: FeatureSpec | ModelSpec | TrainSpec) -> None:
    assert type(spec).from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_feature_spec_reads_the_columns() -> None:
    spec = FeatureSpec.from_json(FEATURES)
    assert spec.wide == (Column("carrier", 17, None, "carrier"),)
    assert spec.deep[0].dim == 8
    assert spec.dense == ("distance", "distance.missing")


@pytest.mark.parametrize(("spec", "section"), [(ModelSpec, Model), (TrainSpec, Train)])
def test_defaults_equal_those_of_the_configuration(
    spec: type[ModelSpec] | type[TrainSpec], section: type[Model] | type[Train]
) -> None:
    assert spec.from_json(section().model_dump(mode="json")) == spec()
    assert spec().to_json() == section().model_dump(mode="json")


@pytest.mark.parametrize(
    ("spec", "value", "words"),
    [
        (ModelSpec, {"deep": {"hiden": [1]}}, ["ModelSpec.deep", "hiden"]),
        (TrainSpec, {"device": "fpga"}, ["TrainSpec.device", "fpga"]),
        (TrainSpec, {"batch_size": 1.5}, ["TrainSpec.batch_size", "1.5"]),
        (TrainSpec, {"seed": True}, ["TrainSpec.seed", "True"]),
        (FeatureSpec, {"task": "binary"}, ["num_classes"]),
        (FeatureSpec, {**FEATURES, "num_classes": 1}, ["num_classes", "multiclass"]),
        (FeatureSpec, {**FEATURES, "wide": [{"name": "a", "size": 0}]}, ["a.size", "0"]),
        (FeatureSpec, {**FEATURES, "wide": [{"name": "a", "size": 2}] * 2}, ["different names"]),
    ],
)
def test_wrong_input_is_refused_by_name(spec: type, value: dict[str, object], words: list[str]) -> None:
    with pytest.raises(TandemError) as raised:
        spec.from_json(value)
    assert raised.value.code == "TRAIN-001"
    assert all(word in str(raised.value) for word in words)
