"""Trains again and again on the same data; what was trained is kept for the same experiment later."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.adapter import split_files
from components.train import features
from components.train.group.run import run_group
from components.train.progress import current
from pipeline import plan
from pipeline.config import Config
from pipeline.state import text
from trainer.churn.ensemble import export_ensemble
from trainer.data.records import serialized_examples
from trainer.faults import point
from trainer.loop import RunSpec, run
from trainer.loop.run_spec import SERVING_DIRECTORY
from trainer.spec import CodistillationSpec, ModelSpec, Record, TrainSpec
from trainer.storage import write_json

SINGLE, CODISTILLED, ENSEMBLE = "single", "codistilled", "ensemble"
KINDS = (SINGLE, CODISTILLED, ENSEMBLE)


@dataclasses.dataclass(frozen=True)
class Trial(Record):
    """One model as it would be served.

    Args:
        kind: one of `KINDS`.
        seeds: of the training or of the group; of an ensemble those of its members.
        parameters: weights of the served model.
        seconds: wall time of the training; of a group that of the chosen replica, of an ensemble the sum.
        directory: holds `model/Format-Serving`.
    """

    kind: str
    seeds: tuple[int, ...]
    parameters: int
    seconds: float
    directory: str

    @property
    def model(self) -> Path:
        """The SavedModel."""
        return Path(self.directory) / "model" / SERVING_DIRECTORY


class Laboratory:
    """The data of an experiment, and its trainings.

    A training differs from another of its kind in its seed alone: that of the initial weights, of the order
    of the examples and of dropout. Data, splits and transform graph are the same files. No training starts
    from an earlier model, whatever `train.warm_start` says.

    Args:
        config: the configuration.
        outputs: URIs of the outputs of the steps up to `transform`.
        kept: directory of trials and their checkpoints.
        fingerprint: digest of the code that trains.
    """

    def __init__(
        self,
        config: Config,
        outputs: Mapping[str, Mapping[str, str]],
        kept: Path,
        fingerprint: str,
    ) -> None:
        graph = outputs["transform"]["transform_graph"]
        transformed = outputs["transform"]["transformed_examples"]
        arguments = plan.train_arguments(config)
        planned = TrainSpec.from_json({**arguments["train"], "warm_start": "none"})
        self.codistillation = planned.codistillation or CodistillationSpec()
        held = split_files(transformed, "validation")
        self._spec = RunSpec(
            **features.resolve(graph, text(plan.transform_plan(config))),
            model=ModelSpec.from_json(arguments["model"]),
            train=dataclasses.replace(planned, codistillation=None),
            train_files=tuple(split_files(transformed, "train")),
            validation_files=tuple(held) if _has_rows(held) else (),
            transform_graph_dir=graph,
            checkpoint_dir="",
            output_dir="",
            run_dir="",
        )
        self._kept, self._fingerprint = kept, fingerprint

    @property
    def features(self) -> Any:
        """The feature specification."""
        return self._spec.features

    @property
    def seed(self) -> int:
        """That of the configuration."""
        return self._spec.train.seed

    def single(self, seed: int) -> Trial:
        """A training by itself."""
        spec = dataclasses.replace(self._spec, train=dataclasses.replace(self._spec.train, seed=seed))
        return self._made(SINGLE, (seed,), spec, lambda told: run(told, current()))

    def codistilled(self, seed: int) -> Trial:
        """The model that a group of replicas chooses; its replica 0 has this very seed."""
        train = dataclasses.replace(self._spec.train, seed=seed, codistillation=self.codistillation)
        spec = dataclasses.replace(self._spec, train=train)
        return self._made(CODISTILLED, (seed,), spec, run_group)

    def ensemble(self, members: tuple[Trial, ...]) -> Trial:
        """The mean of the probabilities of single trainings."""
        key = self._key(ENSEMBLE, [Path(member.directory).name for member in members])
        place = self._kept / key
        found = _trial(place)
        if found is not None:
            return found
        models = [member.model for member in members]
        parameters = export_ensemble(self._spec, models, place / "model" / SERVING_DIRECTORY)
        seeds = tuple(seed for member in members for seed in member.seeds)
        seconds = sum(member.seconds for member in members)
        return _keep(place, Trial(ENSEMBLE, seeds, parameters, seconds, str(place)))

    def _key(self, kind: str, about: Any) -> str:
        told = json.dumps([self._fingerprint, kind, about], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def _made(
        self,
        kind: str,
        seeds: tuple[int, ...],
        spec: RunSpec,
        train: Callable[[RunSpec], Any],
    ) -> Trial:
        key = self._key(kind, spec.to_json())
        place, checkpoints = self._kept / key, self._kept / "checkpoints" / key
        found = _trial(place)
        if found is None:
            train(
                dataclasses.replace(
                    spec,
                    checkpoint_dir=str(checkpoints),
                    output_dir=str(place / "model"),
                    run_dir=str(place / "run"),
                )
            )
            summary = json.loads((place / "run" / "training.json").read_text())
            parameters, seconds = int(summary["parameters"]), float(summary["seconds"])
            found = _keep(place, Trial(kind, seeds, parameters, seconds, str(place)))
        if checkpoints.exists():
            point("churn.discard", checkpoints)
            shutil.rmtree(checkpoints, ignore_errors=True)
        return found


def _has_rows(files: list[str]) -> bool:
    return bool(files) and any(True for _ in serialized_examples([Path(file) for file in files]).take(1))


def _trial(place: Path) -> Trial | None:
    path = place / "trial.json"
    if not path.exists():
        return None
    found = Trial.from_json({**json.loads(path.read_text()), "directory": str(place)})
    return found if (found.model / "saved_model.pb").exists() else None


def _keep(place: Path, trial: Trial) -> Trial:
    write_json(place / "trial.json", trial.to_json())
    return trial
