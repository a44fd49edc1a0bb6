"""A comparison of losses on flipped labels: data once through the pipeline, then a training per trial."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from components.adapter import split_files
from pipeline import plan
from pipeline.comparison import Found, Note, Prepared, compare
from pipeline.config import Config
from pipeline.local.watcher import Watcher
from pipeline.noise.asked import Experiment
from pipeline.report import noise_page
from pipeline.root import Root
from trainer.data import open_split
from trainer.export import TransformGraph
from trainer.noise import LOGISTIC, Clean, Loss, Trial, transformed, try_out
from trainer.spec import FeatureSpec, ModelSpec, TrainSpec
from trainer.storage import write_json
from transforms.tabular import feature_spec

GRID = tuple((t1, t2) for t1 in (0.4, 0.7, 1.0) for t2 in (1.0, 1.2, 1.6, 2.5) if (t1, t2) != (1.0, 1.0))
"""Temperatures that a search tries."""


class _Laboratory:
    """The data of an experiment, and its trials, each kept so that an interrupted experiment goes on.

    Args:
        config: the configuration.
        prepared: what they start from.
    """

    def __init__(self, config: Config, prepared: Prepared) -> None:
        outputs = prepared.outputs
        graph, examples = (
            outputs["transform"]["transform_graph"],
            outputs["transform"]["transformed_examples"],
        )
        arguments = plan.train_arguments(config)
        self.features = FeatureSpec.from_json(feature_spec(graph, plan.transform_plan(config)))
        self._model = ModelSpec.from_json(arguments["model"])
        # What wrong labels cost is asked of one model, whatever group the config trains.
        self.plan = dataclasses.replace(TrainSpec.from_json(arguments["train"]), codistillation=None)
        self._train = open_split(split_files(examples, "train"), self.features)
        held = split_files(examples, "validation")
        self._validation = open_split(held, self.features) if held else None
        raw = split_files(outputs["ingest"]["examples"], "eval")
        self.clean: Clean = transformed(raw, TransformGraph(graph), self.features)
        self._kept, self._key = prepared.kept, [prepared.fingerprint, examples, arguments]

    @property
    def rows(self) -> dict[str, int]:
        """Rows by split."""
        validation = self._validation.rows if self._validation else 0
        return {"train": self._train.rows, "validation": validation, "eval": len(self.clean.labels)}

    def trial(self, flip: float, loss: Loss, seed: int) -> Trial:
        """A trial, from an earlier experiment if it was tried there."""
        key = json.dumps([*self._key, flip, loss.t1, loss.t2, seed], sort_keys=True)
        path = self._kept / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
        if path.exists():
            return dataclasses.replace(Trial.from_json(json.loads(path.read_text())), loss=loss)
        made = try_out(
            self.features, self._model, self.plan, self._train, self._validation, self.clean, flip, loss, seed
        )
        write_json(path, made.to_json())
        return made


def execute(
    config: Config,
    config_directory: Path,
    root: Root,
    experiment: Experiment,
    watcher: Watcher,
    note: Note,
    verbose: bool = False,
) -> Found:
    """Compares the logistic with the bi-tempered loss on flipped labels, and writes results and a report.

    Args:
        config: the configuration; its `train.bi_tempered` has the temperatures.
        config_directory: directory that relative paths in it refer to.
        root: where everything is kept; the experiment in `noise/`.
        experiment: what is tried.
        watcher: told about each step.
        note: told about each trial.
        verbose: also log to the terminal. Defaults to `False`.

    Raises:
        TandemError: `NOISE-001` to `NOISE-003`, those of `pipeline.comparison.compare`.
    """
    experiment.check(config)

    def trials(prepared: Prepared) -> dict[str, Any]:
        laboratory = _Laboratory(config, prepared)
        return _compared(laboratory, experiment, note) | {"task": config.task, "rows": laboratory.rows}

    return compare("noise", config, config_directory, root, watcher, trials, noise_page.write, verbose)


def _compared(laboratory: _Laboratory, experiment: Experiment, note: Note) -> dict[str, Any]:
    first = laboratory.plan.seed
    seeds = range(first, first + experiment.seeds)
    given = Loss("bi-tempered", laboratory.plan.bi_tempered.t1, laboratory.plan.bi_tempered.t2)
    grid = [Loss(f"({t1:g}, {t2:g})", t1, t2) for t1, t2 in GRID] if experiment.search else []
    chosen = 1 if experiment.search else 0
    total = len(experiment.flips) * ((2 + chosen) * experiment.seeds + len(grid))
    done = 0
    trials: list[Trial] = []
    searched: list[Trial] = []

    def tried(flip: float, loss: Loss, seed: int) -> Trial:
        nonlocal done
        done += 1
        note(f"trial {done}/{total}: {flip:.0%} flipped, {loss.name}, seed {seed}")
        return laboratory.trial(flip, loss, seed)

    for flip in experiment.flips:
        losses = [LOGISTIC, given]
        if grid:
            found = [tried(flip, loss, first) for loss in grid]
            searched += found
            best = max(found, key=lambda trial: trial.validation).loss
            losses.append(dataclasses.replace(best, name="bi-tempered, chosen"))
        trials += [tried(flip, loss, seed) for loss in losses for seed in seeds]
    return {
        "flips": list(experiment.flips),
        "seeds": list(seeds),
        "trials": [trial.to_json() for trial in trials],
        "search": [trial.to_json() for trial in searched],
    }
