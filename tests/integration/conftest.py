"""Whole pipelines in this process: TFX is imported once for all of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config import Config, load
from pipeline.init import infer, to_yaml
from pipeline.root import Root


@dataclasses.dataclass
class Project:
    """A directory with data, config and root, and what its runs came to."""

    directory: Path

    @property
    def config_path(self) -> Path:
        return self.directory / "config.yaml"

    @property
    def root(self) -> Root:
        return Root(self.directory / ".tandem")

    def data(self, frame: pd.DataFrame, name: str = "data.csv") -> Path:
        path = self.directory / name
        frame.to_csv(path, index=False)
        return path

    def init(self, data: Path, label: str, time: str | None = None) -> Config:
        inference = infer(data, label, time)
        self.config_path.write_text(to_yaml(inference, self.directory))
        return load(self.config_path)

    def run(self, *overrides: str, resume: bool = False):
        from pipeline.execute import execute
        from pipeline.local.watcher import Watcher
        from pipeline.runs.store import RunStore

        run = RunStore(self.root).find() if resume else None
        config = load(run.config_path) if run else load(self.config_path, list(overrides))
        return execute(config, self.directory, self.root, Watcher(), run)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))
