"""The configs of the flights example fit the rows that their prepare steps write."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config import load

FOLDER = Path(__file__).parents[3] / "examples" / "flights"
CONFIGS = ["config.yaml", "variants/hour_before.yaml", "variants/known_delays.yaml"]


@pytest.fixture(scope="module", params=CONFIGS)
def example(request, tmp_path_factory):
    path = FOLDER / request.param
    config = load(path, [])
    file, function = config.data.prepare.split(":")
    spec = importlib.util.spec_from_file_location("flights_step", path.parent / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    output = tmp_path_factory.mktemp("rows")
    getattr(module, function)(output)
    (written,) = output.iterdir()
    return config, module, pd.read_parquet(written)


def test_every_column_exists(example):
    config, _, rows = example
    named = {
        *config.features,
        *config.data.keep,
        *config.data.split.key,
        config.data.time_column,
        config.label.column,
    }
    assert named <= set(rows.columns)


def test_no_feature_tells_the_date_or_the_answer(example):
    config, _, _ = example
    assert not {"departure", "date", "month", config.label.column} & set(config.features)


def test_training_ends_with_september_in_new_york(example):
    config, _, rows = example
    labelled = rows[rows[config.label.column].notna()]
    before = labelled["departure"] < pd.Timestamp(config.data.split.eval_from)
    assert before.sum() == 244_737
    assert labelled.loc[before, "month"].max() == "09"
    assert labelled.loc[~before, "month"].min() == "10"


def test_the_files_read_are_named(example):
    _, module, _ = example
    files = module.inputs()
    assert [file.name for file in files][:4] == [
        "flights.csv.zip",
        "weather.csv",
        "planes.csv",
        "airports.csv",
    ]
    assert all(file.is_file() for file in files)
