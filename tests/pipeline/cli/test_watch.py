"""`tandem evaluate` and `tandem decode`: mistakes are told at once, before any library is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.cli.test_mistakes import CHILD
from tests.pipeline.watch.place import CONFIG, Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config with an interrupted run, one of texts alone, one without a run, and files to decode."""
    directory = tmp_path_factory.mktemp("place")
    Place(directory)
    (directory / "other.yaml").write_text(CONFIG.replace("name: pairs", "name: others"))
    texts = directory / "texts"
    texts.mkdir()
    Place(
        texts,
        "name: pairs\ntask: language_model\nlabel: {column: text, units: words}\nfeatures: {}\n"
        "data: {path: d.csv}\ngate: {rules: [{metric: perplexity, max: 9}]}\n",
    )
    (directory / "empty.txt").write_text("")
    return directory


@pytest.mark.parametrize(
    ("command", "code", "cause", "following"),
    [
        ("evaluate other.yaml", "DECODE-002", "others", "tandem run other.yaml"),
        ("evaluate 1999", "RUN-001", "1999", "tandem runs list"),
        ("evaluate pairs.yaml --split test", "Invalid value", "test", "validation"),
        ("evaluate pairs.yaml --every 0", "Invalid value", "0", "tandem evaluate -h"),
        ("decode pairs.yaml --file none.txt", "DECODE-007", "none.txt", "path"),
        ("decode pairs.yaml --file empty.txt", "DECODE-007", "no line", "file"),
        ("decode texts/pairs.yaml", "DECODE-008", "language_model", "tandem evaluate"),
    ],
)
def test_a_mistake_is_told_at_once_with_what_to_do(
    place: Path, command: str, code: str, cause: str, following: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    *told, last = done.stderr.splitlines()
    status, loaded = json.loads(last)
    assert status == 2
    for text in (code, cause, following):
        assert text in "\n".join(told)
    assert "Traceback" not in done.stderr
    assert loaded == []


def test_a_training_without_a_checkpoint_is_told(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "evaluate", "pairs.yaml", "--watch"],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
    )
    status, _ = json.loads(done.stderr.splitlines()[-1])
    assert status == 2
    assert "DECODE-003" in done.stderr
    assert "tandem resume" in done.stderr
