"""Runs of a cluster in the run store: found by the id that the cluster gives, never resumed here."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.kubeflow.record import Record
from pipeline.root import Root
from pipeline.runs.store import RunStore
from trainer.errors import TandemError

UUID = "6f1c2a54-7d1a-4a39-9f4e-0a1b2c3d4e5f"
OTHER = "7a1c2a54-7d1a-4a39-9f4e-0a1b2c3d4e5f"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    for uuid in (UUID, OTHER):
        Record.begin(
            Root(tmp_path), uuid, "name: x\ntask: regression\nlabel: {column: y}\ndata: {path: a.csv}\n"
            "features: {a: {kind: numeric}}\ngate: {rules: [{metric: rmse, better_than: prior}]}\n",
        )  # fmt: skip
    return Root(tmp_path)


@pytest.mark.parametrize("given", [UUID, UUID[:8], UUID[:5]])
def test_a_run_is_found_by_the_id_of_the_cluster(root: Root, given: str) -> None:
    assert RunStore(root).find(given).run_id.endswith(UUID)


def test_an_id_of_no_run_is_told_with_the_command_that_lists_them(root: Root) -> None:
    for given in ("8b1c", ""):
        with pytest.raises(TandemError, match=rf"RUN-001.*--root {root.path}"):
            RunStore(root).find(given)


def test_it_is_not_resumed_here(root: Root) -> None:
    before = sorted(root.path.rglob("*"))
    with pytest.raises(TandemError, match=r"RUN-009.*tandem deploy"):
        CliRunner().invoke(app, ["resume", UUID, "--root", str(root.path)], catch_exceptions=False)
    assert sorted(root.path.rglob("*")) == before
