"""A run directory as a training leaves it, at any point of its way, with real checkpoint files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from components.train.files import SPEC
from pipeline.config import dump, load
from pipeline.plan import train_arguments
from pipeline.root import Root
from pipeline.runs.store import Run, RunStore
from trainer.checkpoints import Checkpoint, CheckpointStore
from trainer.spec import ModelSpec, TrainSpec
from trainer.storage import write_json

CONFIG = """
name: pairs
task: seq2seq
label: {column: there, units: characters}
features: {here: {kind: text, units: characters}}
data: {path: pairs.csv}
gate: {rules: [{metric: wer, max: 0.5}]}
"""


class Place:
    """A project with one config and one run of it, which tells that its first steps have ended."""

    def __init__(self, directory: Path, text: str = CONFIG) -> None:
        self.config = directory / "pairs.yaml"
        self.config.write_text(text)
        self.root = Root.beside(self.config)
        self.run: Run = RunStore(self.root).create(dump(load(self.config)), directory)
        self.run.event("run_started", name="pairs", attempt=1)
        self.ended("ingest", examples="artifacts/ingest/examples/1")
        self.ended(
            "transform",
            transform_graph="artifacts/transform/transform_graph/2",
            transformed_examples="artifacts/transform/transformed_examples/2",
        )

    def ended(self, step: str, state: str = "ran", **outputs: str) -> None:
        self.run.event("step_finished", step=step, state=state, seconds=1.0, outputs=outputs)

    def began(self, step: str = "train") -> None:
        self.run.event("step_started", step=step)

    def training(self, key: str = "0" * 16, graph: str = "artifacts/transform/transform_graph/2") -> Path:
        """A directory of checkpoints with what its training was told."""
        arguments = train_arguments(load(self.run.config_path))
        directory = self.root.checkpoints / "pairs" / key
        directory.mkdir(parents=True)
        write_json(
            directory / SPEC,
            {
                "transform_graph_dir": str(self.root.path / graph),
                "model": ModelSpec.from_json(arguments["model"]).to_json(),
                "train": TrainSpec.from_json(arguments["train"]).to_json(),
            },
        )
        return directory

    def save(self, directory: Path, step: int) -> Path:
        """A checkpoint that holds its own step."""
        tensors = {"weight": np.full(64, step, np.float32)}
        return CheckpointStore(directory).save(Checkpoint(step, tensors, {}))
