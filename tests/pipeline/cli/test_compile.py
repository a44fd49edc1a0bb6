"""What `tandem compile` tells to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.cli.compile import _to_put
from pipeline.config import Config


def config(**data: Any) -> Config:
    return Config.model_validate(
        {
            "name": "numbers",
            "task": "seq2seq",
            "label": {"column": "spoken", "units": "words"},
            "features": {"written": {"kind": "text", "units": "characters"}},
            "data": data,
            "gate": {"rules": [{"metric": "wer", "max": 0.5}]},
        }
    )


def test_every_file_of_parallel_lines_is_put_on_the_volume(tmp_path: Path) -> None:
    for name in ("train.1.w", "train.0.w", "train.0.s", "train.1.s", "other"):
        (tmp_path / name).touch()
    lines = config(lines={"written": "train.*.w", "spoken": "train.*.s"})
    assert _to_put(lines, tmp_path) == ["train.0.w", "train.1.w", "train.0.s", "train.1.s"]


def test_a_path_is_put_as_it_is_and_a_place_that_is_there_already_is_not(tmp_path: Path) -> None:
    assert _to_put(config(path="pairs.csv"), tmp_path) == ["pairs.csv"]
    assert _to_put(config(path="/data/pairs.csv"), tmp_path) == []
    assert _to_put(config(path="day-{SPAN}/pairs.csv"), tmp_path) == []


def test_files_of_a_split_are_put_too(tmp_path: Path) -> None:
    split = {"by": "files", "train_files": "train.csv", "eval_files": "eval.csv"}
    assert _to_put(config(split=split), tmp_path) == ["train.csv", "eval.csv"]


def test_many_files_are_not_all_named(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"part-{number}.csv").touch()
    assert _to_put(config(path="part-*.csv"), tmp_path) == ["FILE"]
