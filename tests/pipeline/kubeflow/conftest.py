"""Pods of single steps, and faults in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.kubeflow.pod import VARIABLE
from trainer import faults


@pytest.fixture
def pods(
    tmp_path: Path, small_run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Makes pods whose state volume holds the rows of `small_run`; with `whole`, its whole root."""

    def made(*overrides: str, whole: bool = False) -> Any:
        from tests.pipeline.kubeflow.pods import Pods

        place = tmp_path / "pods"
        place.mkdir()
        found = Pods(place, *overrides, directory=tmp_path)
        root = small_run("binary").run.directory.parents[1]
        if whole:
            shutil.copytree(root, found.volume, dirs_exist_ok=True)
        shutil.copy(root.parent / "data.csv", found.volume)
        monkeypatch.setenv(VARIABLE, json.dumps(found.mounts))
        return found

    return made


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Arms a fault point in this process; an empty text disarms it."""

    def arm(text: str) -> None:
        monkeypatch.setenv(faults.VARIABLE, text)
        faults.rearm()

    yield arm
    monkeypatch.delenv(faults.VARIABLE, raising=False)
    faults.rearm()
