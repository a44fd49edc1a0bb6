"""Where a root keeps things."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.root import Root


def test_the_default_root_lies_beside_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").mkdir()
    assert Root.beside(Path("project/config.yaml")).path == tmp_path / "project" / ".tandem"
    assert Root.beside(Path("project/config.yaml"), Path("elsewhere")).path == tmp_path / "elsewhere"


def test_the_layout_is_the_documented_one() -> None:
    root = Root(Path("/r"))
    layout = {
        "runs": "runs",
        "artifacts": "artifacts",
        "metadata": "metadata.sqlite",
        "schema": "schema",
        "checkpoints": "checkpoints",
        "serving": "serving",
        "registry": "registry",
        "lock": "run.lock",
    }
    assert {name: str(getattr(root, name)) for name in layout} == {
        name: f"/r/{place}" for name, place in layout.items()
    }


def test_served_models_lie_where_the_config_says(tmp_path: Path) -> None:
    root = Root(tmp_path / ".tandem")
    assert root.serving_of(None, tmp_path) == root.serving
    assert root.serving_of("../models", tmp_path / "project") == tmp_path / "models"
    assert root.serving_of("/srv/models", tmp_path) == Path("/srv/models")


def test_paths_below_the_root_are_told_relative_to_it() -> None:
    root = Root(Path("/r"))
    assert root.relative("/r/artifacts/train/model/7") == "artifacts/train/model/7"
    assert root.relative(Path("/rest/x")) == "/rest/x"
