"""The reference says what the model does."""

from __future__ import annotations

from pathlib import Path

import pydantic

from pipeline.config import Config, json_schema, reference_markdown
from pipeline.config.fields import walk

_DOCUMENT = Path(__file__).parents[3] / "docs" / "config.md"


def test_the_committed_reference_is_the_generated_one() -> None:
    assert _DOCUMENT.read_text() == reference_markdown(), "run: python -m pipeline.config.reference"


def test_every_field_has_a_description_and_its_real_default() -> None:
    seen = 0
    for _, model, fields in walk():
        for field in fields:
            seen += 1
            assert field.allowed
            info = model.model_fields[field.path.rpartition(".")[2]]
            assert field.description or field.path.endswith(".kind"), field.path
            assert info.is_required() == (field.default == "required")
    assert seen > 100


def test_ranges_are_in_words() -> None:
    allowed = {field.path: field.allowed for _, _, fields in walk() for field in fields}
    assert allowed["data.split.eval_fraction"] == "number >= 0 and < 1"
    assert allowed["model.deep.hidden"] == "list of integers >= 1"
    assert allowed["train.device"] == "`auto`, `cpu`, `gpu` or `tpu`"
    assert allowed["crosses.<n>.columns"] == "list of 2 to 4 items of text"
    assert allowed["features.<name>.kind"] == "`text`"


def test_the_schema_refuses_unknown_keys_and_demands_kinds() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"name", "task", "label"}
    for name in ("CategoricalFeature", "NumericFeature", "TimestampFeature", "TextFeature"):
        assert "kind" in schema["$defs"][name]["required"]


def test_every_section_is_frozen_and_strict() -> None:
    for _, model, _ in walk():
        assert issubclass(model, pydantic.BaseModel)
        assert model.model_config["frozen"]
        assert model.model_config["extra"] == "forbid"
        assert model.model_config["strict"]
    assert issubclass(Config, pydantic.BaseModel)
