"""The configs of the pronunciation example fit the rows that their prepare steps write."""

import csv
import datetime
import importlib.util
from pathlib import Path

import pytest

from pipeline.config import load

FOLDER = Path(__file__).parents[3] / "examples" / "pronunciation"
VARIANTS = [f"variants/{name}.yaml" for name in ("by_word", "by_word_30", "by_word_180")]


def prepared(path, config):
    file, function = config.data.prepare.split(":")
    spec = importlib.util.spec_from_file_location("pronunciation_step", path.parent / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, getattr(module, function)


@pytest.mark.parametrize("name", ["config.yaml", *VARIANTS])
def test_every_column_exists(name, tmp_path):
    config = load(FOLDER / name, [])
    _, function = prepared(FOLDER / name, config)
    function(tmp_path)
    with (tmp_path / "words.csv").open(newline="", encoding="utf-8") as text:
        columns = set(csv.DictReader(text).fieldnames)
    named = {*config.features, *config.data.keep, *config.data.split.key, config.label.column}
    assert named | ({config.data.time_column} - {None}) <= columns


def test_words_that_look_like_a_missing_value_are_kept():
    assert load(FOLDER / "config.yaml", []).data.null_values == [""]


def test_the_split_by_time_is_the_split_by_part():
    config = load(FOLDER / VARIANTS[0], [])
    module, _ = prepared(FOLDER / VARIANTS[0], config)
    years = {part: datetime.date.fromisoformat(text) for part, text in module.YEARS.items()}
    cuts = [
        datetime.date.fromisoformat(text)
        for text in (config.data.split.validation_from, config.data.split.eval_from)
    ]
    assert years["train"] < cuts[0] == years["validation"] < cuts[1] == years["eval"]


def test_variants_differ_in_the_model_and_its_training_alone():
    small, *larger = (load(FOLDER / name, []).model_dump() for name in VARIANTS)
    for other in larger:
        assert {key for key in small if small[key] != other[key]} <= {"model", "train"}
    sizes = [config["model"]["sequence"]["encoder"]["units"] for config in (small, *larger)]
    assert sizes == sorted(sizes)


def test_the_demo_is_gated_on_a_stated_margin_over_the_prior():
    rules = load(FOLDER / "config.yaml", []).gate.rules
    (margin,) = (r.by_at_least for r in rules if r.metric == "wer" and r.better_than == "prior")
    assert margin >= 0.3
