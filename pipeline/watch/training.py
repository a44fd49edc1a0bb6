"""Finds the training of a run, wherever it has got to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from components.train.files import SPEC
from components.train.group.layout import Layout
from pipeline.config import Config, load
from pipeline.plan import launch as launch_arguments
from pipeline.plan import train_arguments
from pipeline.root import Root
from pipeline.runs.lock import running
from pipeline.runs.store import Run, RunStore
from trainer.errors import TandemError
from trainer.spec import ModelSpec, TrainSpec
from trainer.spec.sequence import SequenceTask

Stage: TypeAlias = Literal["waiting", "training", "interrupted", "finished"]

_TASKS: tuple[str, ...] = get_args(SequenceTask)


class Training:
    """The training of one run.

    Args:
        run: the run.
        root: its root.

    Raises:
        TandemError: `DECODE-001` if its task is not one of sequences.
    """

    def __init__(self, run: Run, root: Root) -> None:
        self.run = run
        self.config: Config = load(run.config_path)
        self._root = root
        if self.config.task not in _TASKS:
            raise TandemError(
                "DECODE-001",
                f"Expected a run of a sequence task. Received: run {run.run_id}, task={self.config.task}",
                f"Look at its metrics with `tandem runs show {run.run_id}`.",
                exit_status=2,
            )

    def stage(self) -> Stage:
        """`waiting` before the step train has begun, `training`, `interrupted` or `finished`."""
        stage: Stage = "waiting"
        for event in self.run.events():
            kind, step = event.get("event"), event.get("step")
            if kind == "run_started":
                stage = "waiting"
            elif step == "train" and kind == "step_started":
                stage = "training"
            elif step == "train" and kind == "step_finished":
                stage = "interrupted" if event.get("state") == "failed" else "finished"
        if stage in ("waiting", "training") and running(self._root.lock) != self.run.run_id:
            return "interrupted"
        return stage

    def outputs(self, step: str) -> dict[str, Path]:
        """Directory of each output of a step that has ended, by name; empty before."""
        found: dict[str, Path] = {}
        for event in self.run.events():
            if event.get("event") == "step_finished" and event.get("step") == step:
                found = {name: self._root.path / uri for name, uri in (event.get("outputs") or {}).items()}
        return found

    def checkpoints(self) -> Path | None:
        """Directory of the checkpoints, or `None` if the training has not made one yet or has ended.

        A training is known by what it was told: by model, plan and transform graph.
        """
        graph = self.outputs("transform").get("transform_graph")
        if graph is None:
            return None
        told = _told(self.config)
        found = []
        for file in (self._root.checkpoints / self.config.name).glob(f"*/{SPEC}"):
            spec = read_spec(file)
            if spec and Path(spec["transform_graph_dir"]) == graph and (spec["model"], spec["train"]) == told:
                found.append(file)
        if not found:
            return None
        place = max(found, key=lambda file: file.stat().st_mtime_ns).parent
        launch = launch_arguments(self.config)
        if launch is None:
            return place
        # Of a group the first replica, whose seed is that of a single training.
        return Layout(place, launch["directory"]).replica(0)

    def exported(self) -> Path | None:
        """The exported model of a finished training, or `None` where it is not there any more."""
        model = self.outputs("train").get("model")
        directory = model / "Format-Serving" if model is not None else None
        return directory if directory is not None and (directory / "saved_model.pb").is_file() else None

    def examples(self, split: str) -> list[Path]:
        """TFRecord files of raw examples of a split, sorted; empty when there is no such split."""
        examples = self.outputs("ingest").get("examples")
        return sorted((examples / f"Split-{split}").glob("*")) if examples is not None else []

    def transformed(self, split: str) -> list[Path]:
        """TFRecord files of transformed examples of a split, sorted."""
        examples = self.outputs("transform").get("transformed_examples")
        return sorted((examples / f"Split-{split}").glob("*")) if examples is not None else []


def read_spec(file: Path) -> dict[str, Any] | None:
    """What a training was told, or `None` where the file is gone or not whole."""
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return (
        value if isinstance(value, dict) and {"transform_graph_dir", "model", "train"} <= set(value) else None
    )


def _told(config: Config) -> tuple[Any, Any]:
    arguments = train_arguments(config)
    return (
        ModelSpec.from_json(arguments["model"]).to_json(),
        TrainSpec.from_json(arguments["train"]).to_json(),
    )


def find(given: str, root: Path | None) -> Training:
    """The training that a config file or a run id means.

    Args:
        given: path of a config, which means the newest run of its pipeline, or a run id or its beginning.
        root: the root; `None` is the one beside the config, or the nearest one.

    Raises:
        TandemError: `DECODE-002` if no run of that pipeline is there, `RUN-001` or `CLI-001` for a run id.
    """
    file = Path(given)
    if not file.is_file():
        from pipeline.cli.options import existing_root

        place = existing_root(root)
        return Training(RunStore(place).find(given), place)
    config, place = load(file), Root.beside(file, root)
    runs = [run for run in RunStore(place).all() if _name(run) == config.name]
    if not runs:
        raise TandemError(
            "DECODE-002",
            f"Expected a run of {config.name}. Received: none in {place.runs}",
            f"Start one with `tandem run {given}`.",
            exit_status=2,
        )
    return Training(runs[-1], place)


def _name(run: Run) -> str | None:
    started = [event.get("name") for event in run.events() if event.get("event") == "run_started"]
    return str(started[0]) if started and started[0] else None
