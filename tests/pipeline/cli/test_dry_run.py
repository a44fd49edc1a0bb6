"""What a dry run says of a sequence task, and of parallel files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.dry_run import describe
from pipeline.config import parse
from pipeline.root import Root
from trainer.errors import TandemError

CONFIG = """
name: words
task: seq2seq
label: {column: en, units: words}
data: {lines: {de: 'a/*.de', en: 'a/*.en'}}
features: {de: {kind: text, units: words}}
gate: {rules: [{metric: wer, better_than: prior, by_at_least: 0.1}]}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    for name in ("one.de", "one.en", "two.de", "two.en"):
        (tmp_path / "a" / name).write_text("text\n")
    return tmp_path


def test_the_files_of_every_column_and_the_steps_of_the_task_are_told(place: Path) -> None:
    told = describe(parse(CONFIG), place, Root(place / ".tandem"))
    assert [Path(path).name for path in told["inputs"]] == ["one.de", "one.en", "two.de", "two.en"]
    steps = {step["name"]: step["does"] for step in told["steps"]}
    assert "units" in steps["transform"]
    assert "Wide" not in steps["train"]
    assert told["gate"] == ["wer better than prior by at least 0.1"]


def test_files_that_do_not_belong_together_are_told_before_a_run(place: Path) -> None:
    (place / "a" / "two.en").unlink()
    with pytest.raises(TandemError, match="de 2, en 1"):
        describe(parse(CONFIG), place, Root(place / ".tandem"))
