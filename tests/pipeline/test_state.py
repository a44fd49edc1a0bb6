"""What a run finds when it begins: each value changes with what it stands for, and with nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.config import Config, load
from pipeline.graph import fingerprints
from pipeline.root import Root
from pipeline.state import State, find, text
from trainer.errors import TandemError

PRINTS = dict.fromkeys(("ingest", "statistics", "schema", "train"), "0123456789abcdef")


class Place:
    """A config with data and a root, as `small_run` left them."""

    def __init__(self, directory: Path, source: Path) -> None:
        self.directory = directory
        for name in ("config.yaml", "data.csv"):
            shutil.copy(source / name, directory)
        self.root = Root(directory / ".tandem")

    def config(self, *overrides: str) -> Config:
        return load(self.directory / "config.yaml", list(overrides))

    def find(self, *overrides: str, **prints: str) -> State:
        return find(self.config(*overrides), self.directory, self.root, self.root.serving, PRINTS | prints)


@pytest.fixture
def place(tmp_path: Path, small_run: Callable[[str], Any]) -> Place:
    return Place(tmp_path, small_run("binary").run.directory.parents[2])


def changed(before: State, after: State) -> set[str]:
    """Names of the values that differ."""
    one, two = dataclasses.asdict(before), dataclasses.asdict(after)
    return {name for name in one if one[name] != two[name]}


def test_text_is_json_in_one_spelling() -> None:
    assert text({"b": 1, "a": [None, "ü"]}) == '{"a": [null, "\\u00fc"], "b": 1}'


def test_the_digest_of_the_run_is_of_config_data_and_sources(place: Place) -> None:
    state = place.find()
    told = place.config().model_dump(mode="json")
    del told["kubeflow"], told["push"]["mirror"], told["push"]["kserve"]
    parts = json.dumps([told, state.data, PRINTS], sort_keys=True)
    assert state.run == hashlib.sha256(parts.encode()).hexdigest()[:16]


def test_nothing_has_changed_when_nothing_has(place: Place) -> None:
    first = place.find()
    assert first == place.find()
    # The identity of the registry is written once, for all later runs.
    identity = json.loads((place.root.registry / "small/registry.json").read_text())["identity"]
    assert (first.baseline, first.push) == (f"{identity}/none", f"{identity}/none|denied=")
    assert (first.previous_statistics, first.warm_start_from, first.schema_version) == ("", "", 1)


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("train.epochs=3", {"run"}),
        ("check.min_domain_mass=0.9", {"run", "origin"}),
        ("data.max_bad_row_fraction=0.5", {"run", "origin"}),
        ("data.split.eval_fraction=0.3", {"run", "origin"}),
        ("kubeflow.defaults.cpu=4", set()),
        ("kubeflow.image='registry/other:2'", set()),
        ("push.mirror='gs://bucket/models'", set()),
        ("push.kserve={cpu: 2}", set()),
        ("push.recorded_requests=7", {"run"}),
    ],
)
def test_a_key_of_the_config_changes_what_depends_on_it(place: Place, override: str, names: set[str]) -> None:
    assert changed(place.find(), place.find(override)) == names


@pytest.mark.parametrize(
    ("step", "names"), [("ingest", {"run", "origin"}), ("schema", {"run", "origin"}), ("train", {"run"})]
)
def test_sources_of_a_step_change_what_depends_on_them(place: Place, step: str, names: set[str]) -> None:
    assert changed(place.find(), place.find(**{step: "f" * 16})) == names


def test_other_rows_change_the_data_and_a_touched_file_does_not(place: Place) -> None:
    before = place.find()
    rows = place.directory / "data.csv"
    content = rows.read_bytes()
    rows.write_bytes(content)
    assert changed(before, place.find()) == set()
    rows.write_bytes(content + content.splitlines(keepends=True)[1])
    assert changed(before, place.find()) == {"data", "run", "origin"}


def test_after_a_push_the_same_run_finds_what_it_found_and_other_data_the_version(
    place: Place, small: ModuleType, small_run: Callable[[str], Any]
) -> None:
    result = small_run("binary")
    place.root = Root(shutil.copytree(result.run.directory.parents[1], place.directory / "root"))
    prints = fingerprints()
    same = find(place.config(), place.directory, place.root, place.root.serving, prints)
    assert (same.data, same.run) == tuple(result.summary["fingerprints"][name] for name in ("data", "run"))
    assert same.push.partition("/")[2] == "none|denied="
    small.frame("binary", seed=3).to_csv(place.directory / "data.csv", index=False)
    config = place.config("train.warm_start=keep")
    other = find(config, place.directory, place.root, place.root.serving, prints)
    served = f"1:{result.summary['model_digest']}"
    assert other.baseline.partition("/")[2] == served
    assert other.push == f"{other.baseline}|denied="
    statistics = place.root.path / result.summary["statistics_uri"]
    assert other.previous_statistics == str(statistics)
    assert json.loads(other.warm_start_from) == {
        "digest": result.summary["model_digest"],
        "directory": str(place.root.serving / "small/1"),
    }


def test_without_rows_there_is_no_state(place: Place) -> None:
    (place.directory / "data.csv").unlink()
    with pytest.raises(TandemError, match="INGEST-002"):
        place.find()
    assert not place.root.registry.exists()


def test_on_another_root_nothing_is_kept_whatever_a_cache_remembers(place: Place) -> None:
    before = place.find()
    assert place.find().origin == before.origin
    shutil.rmtree(place.root.registry)
    assert place.find().origin != before.origin
