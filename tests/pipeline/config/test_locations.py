"""Paths start at the folder of the config."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import ConfigError, resolve, resolve_prepare


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("rows.csv", "/p/c/rows.csv"),
        ("../rows/*.csv", "/p/rows/*.csv"),
        ("/data/{SPAN}/*", "/data/{SPAN}/*"),
        ("gs://bucket/rows", "gs://bucket/rows"),
    ],
)
def test_a_path_is_relative_to_the_config(text: str, result: str) -> None:
    assert resolve(text, Path("/p/c")) == result


def test_a_prepare_step_is_found_beside_or_below_the_config(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "make.py").write_text("")
    assert resolve_prepare("steps/make.py:rows", tmp_path) == (tmp_path / "steps" / "make.py", "rows")


@pytest.mark.parametrize("text", ["none.py:rows", "../outside.py:rows", "link.py:rows", "make.py"])
def test_a_prepare_step_elsewhere_is_refused(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    (tmp_path / "outside.py").write_text("")
    (folder / "link.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(ConfigError, match="CONFIG-005"):
        resolve_prepare(text, folder)
