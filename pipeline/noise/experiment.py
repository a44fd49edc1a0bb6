"""A comparison of losses on flipped labels: data once through the pipeline, then a training per trial."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import logging

from components.adapter import split_files
from pipeline import plan
from pipeline.config import Config
from pipeline.graph import build
from pipeline.local import logs
from pipeline.local.failures import as_tandem_error
from pipeline.local.runner import Outcome, run_graph
from pipeline.local.watcher import Watcher
from pipeline.report import noise_page
from pipeline.root import Root
from pipeline.runs.lock import exclusive
from pipeline.runs.store import Run, now
from trainer.data import open_split
from trainer.errors import TandemError
from trainer.export import TransformGraph
from trainer.noise import LOGISTIC, Clean, Loss, Trial, transformed, try_out
from trainer.spec import FeatureSpec, ModelSpec, TrainSpec
from trainer.storage import write_json
from transforms.tabular import feature_spec

GRID = tuple((t1, t2) for t1 in (0.4, 0.7, 1.0) for t2 in (1.0, 1.2, 1.6, 2.5) if (t1, t2) != (1.0, 1.0))
"""Temperatures that a search tries."""
LAST_STEP = "transform"
RESULTS, REPORT = "results.json", "report.html"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is to be tried.

    Args:
        flips: shares of labels to flip, ascending.
        seeds: how many trainings of each kind, with seeds from that of the config on.
        search: also try `GRID` with the first seed, and train the chosen temperatures with all.
    """

    flips: tuple[float, ...]
    seeds: int
    search: bool = False

    def check(self, config: Config) -> None:
        """Refuses what has no meaning.

        Raises:
            TandemError: `NOISE-001` a task without classes; `NOISE-003` shares or seeds out of range.
        """
        if not config.label.classes:
            raise TandemError(
                "NOISE-001",
                f"Labels are flipped between classes. Received: task {config.task}",
                "Give the config of a binary or multiclass task.",
                exit_status=2,
            )
        most = 0.5 if config.task == "binary" else 1 - 1 / len(config.label.classes)
        if not self.flips or any(not 0 <= share < most for share in self.flips):
            raise TandemError(
                "NOISE-003",
                f"Expected shares of labels in [0, {most:.3g}): beyond, the labels say the opposite. "
                f"Received: {', '.join(f'{share:g}' for share in self.flips) or 'none'}",
                "Give for example --flip 0,0.1,0.2,0.4.",
                exit_status=2,
            )
        if self.seeds < 1:
            raise TandemError("NOISE-003", f"Expected at least 1 seed. Received: {self.seeds}", exit_status=2)


@dataclasses.dataclass(frozen=True)
class Found:
    """What an experiment found.

    Args:
        directory: with results, report and logs.
        results: content of `results.json`.
    """

    directory: Path
    results: dict[str, Any]

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.directory / REPORT


class _Laboratory:
    """The data of an experiment, and its trials, each kept so that an interrupted experiment goes on.

    Args:
        config: the configuration.
        outputs: URIs of the outputs of the steps up to `transform`.
        kept: directory of trials.
        key: digest of what trials depend on beside config and data.
    """

    def __init__(self, config: Config, outputs: dict[str, dict[str, str]], kept: Path, key: str) -> None:
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
        self._kept, self._key = kept, [key, examples, arguments]

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
    note: Callable[[str], None],
    verbose: bool = False,
) -> Found:
    """Compares the logistic with the bi-tempered loss on flipped labels, and writes results and a report.

    The data is ingested and transformed by the steps of the pipeline, from their cache where they ran before.
    Nothing is evaluated by the gate, and nothing is pushed.

    Args:
        config: the configuration; its `train.bi_tempered` has the temperatures.
        config_directory: directory that relative paths in it refer to.
        root: where everything is kept; the experiment in `noise/`.
        experiment: what is tried.
        watcher: told about each step.
        note: told about each trial.
        verbose: also log to the terminal. Defaults to `False`.

    Raises:
        TandemError: `RUN-004` if a run works on this root, `NOISE-001` to `NOISE-003`, those of the steps.
    """
    experiment.check(config)
    with exclusive(root.lock, f"noise of {config.name}"):
        run = Run(root.path / "noise" / config.name)
        outcome = Outcome()
        with logs.to_file(run.log_path("prepare"), verbose):
            graph = build(config, config_directory, root)
        run_graph(graph, root, run, 1, watcher, outcome, verbose, last=LAST_STEP)
        if outcome.error is not None:
            raise outcome.error
        with logs.to_file(run.log_path("trials"), verbose):
            try:
                key = graph.fingerprints["train"]
                laboratory = _Laboratory(config, outcome.outputs, run.directory / "trials", key)
                results = _compared(laboratory, experiment, note)
            except Exception as error:
                logging.exception("A trial failed.")
                raise as_tandem_error(error, "noise") from error
        results |= {"name": config.name, "task": config.task, "finished": now(), "rows": laboratory.rows}
        write_json(run.directory / RESULTS, results)
        noise_page.write(results, run.directory / REPORT)
    return Found(run.directory, results)


def _compared(laboratory: _Laboratory, experiment: Experiment, note: Callable[[str], None]) -> dict[str, Any]:
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


def shares(text: str) -> tuple[float, ...]:
    """Shares of labels from text such as `0,0.1,0.2`, ascending, each once.

    Raises:
        TandemError: `NOISE-003` if one is no number.
    """
    try:
        return tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError as error:
        raise TandemError(
            "NOISE-003",
            f"Expected numbers with commas between them. Received: --flip {text}",
            "Give for example --flip 0,0.1,0.2,0.4.",
            exit_status=2,
        ) from error
