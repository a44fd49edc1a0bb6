"""Which root a command means when none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.options import existing_root
from trainer.errors import TandemError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(here: Path, *places: str) -> None:
    for place in places:
        (here / place).mkdir(parents=True)


def test_a_named_root_is_taken_and_must_exist(here: Path) -> None:
    made(here, "mine", ".tandem")
    assert existing_root(Path("mine")).path == here / "mine"
    with pytest.raises(TandemError, match="none-such, which does not exist") as refused:
        existing_root(Path("none-such"))
    assert (refused.value.code, refused.value.exit_status) == ("CLI-001", 2)


def test_the_root_here_wins_over_those_below(here: Path) -> None:
    made(here, "a/.tandem", "b/.tandem", ".tandem")
    assert existing_root(None).path == here / ".tandem"


def test_one_root_below_is_found_and_of_several_one_must_be_named(here: Path) -> None:
    with pytest.raises(TandemError, match=r"CLI-001.*none.*--root.*tandem run CONFIG"):
        existing_root(None)
    made(here, "examples/flights/.tandem")
    assert existing_root(None).path == here / "examples" / "flights" / ".tandem"
    made(here, "a/.tandem")
    assert existing_root(None).path == here / "a" / ".tandem"
    made(here, "b/.tandem")
    with pytest.raises(TandemError, match=r"a/\.tandem.*b/\.tandem.*--root"):
        existing_root(None)
