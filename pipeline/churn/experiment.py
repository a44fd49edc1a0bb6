"""A comparison of retrains: data once through the pipeline, then a training per retrain and kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.adapter import split_files
from components.train.group.settings import Settings, launched_with
from components.train.progress import shown_by
from pipeline import plan
from pipeline.churn.asked import Experiment
from pipeline.churn.evaluation import Answers, Evaluation, Sequences, Tables
from pipeline.churn.laboratory import CODISTILLED, ENSEMBLE, KINDS, SINGLE, Laboratory, Trial
from pipeline.comparison import Found, Note, Prepared, compare
from pipeline.config import Config
from pipeline.local.watcher import Watcher
from pipeline.report import churn_page
from pipeline.root import Root
from trainer.churn import measure, pairs
from trainer.spec import LaunchSpec, SequenceFeatureSpec


def execute(
    config: Config,
    config_directory: Path,
    root: Root,
    experiment: Experiment,
    watcher: Watcher,
    note: Note,
    verbose: bool = False,
) -> Found:
    """Trains again and again on the same data, compares the predictions, and writes results and a report.

    Args:
        config: the configuration; without `train.codistillation` its defaults count for the groups.
        config_directory: directory that relative paths in it refer to.
        root: where everything is kept; the experiment in `churn/`.
        experiment: what is compared.
        watcher: told about each step, and how trainings go on.
        note: told about each trial.
        verbose: also log to the terminal. Defaults to `False`.

    Raises:
        TandemError: `CHURN-001`, `CHURN-002` an eval split without rows, those of trainings and of
            `pipeline.comparison.compare`.
    """
    experiment.check()

    def trials(prepared: Prepared) -> dict[str, Any]:
        outputs = prepared.outputs
        laboratory = Laboratory(config, outputs, prepared.kept, prepared.fingerprint)
        evaluation = evaluation_of(config, laboratory.features, outputs["ingest"]["examples"])
        # All replicas run on this machine: nothing needs to lie where others see it.
        launch = LaunchSpec.from_json({**(plan.launch(config) or {}), "directory": None})
        settings = Settings(launch, prepared.logs)
        with shown_by(watcher.training, watcher.group), launched_with(settings):
            found = compared(laboratory, evaluation, config.task, experiment, note)
        ingested = json.loads((Path(outputs["ingest"]["report"]) / "ingest.json").read_text())
        return found | {"rows": ingested["rows"]}

    return compare("churn", config, config_directory, root, watcher, trials, churn_page.write, verbose)


def evaluation_of(config: Config, features: Any, examples: str) -> Evaluation:
    """The eval split, as models of the task answer it."""
    files, weight = split_files(examples, "eval"), config.data.weight_column
    if isinstance(features, SequenceFeatureSpec):
        return Sequences(features, files, weight)
    return Tables(config.task, files, config.label.column, weight)


def compared(
    laboratory: Laboratory, evaluation: Evaluation, task: str, experiment: Experiment, note: Note
) -> dict[str, Any]:
    """Trains, asks and compares.

    Args:
        laboratory: trains.
        evaluation: asks.
        task: of the config.
        experiment: what is compared.
        note: told about each trial.

    Returns:
        `task`, `seeds`, `codistillation`; `trials`, each with its `measures`; `pairs` of two retrains of one
        kind with their churn; `serving` by kind, see `Times`.
    """
    count, first = experiment.retrains, laboratory.seed
    seeds = range(first, first + count)
    total, done = 3 * count, 0

    def told(what: str, seed: int) -> None:
        nonlocal done
        done += 1
        note(f"training {done}/{total}: {what}, seed {seed}")

    def single(seed: int, what: str = SINGLE) -> Trial:
        told(what, seed)
        return laboratory.single(seed)

    def group(seed: int) -> Trial:
        told(CODISTILLED, seed)
        return laboratory.codistilled(seed)

    singles = [single(seed) for seed in seeds]
    # Members of ensembles share no training: two retrains that had one in common would be too much alike.
    others = [single(first + count + index, "second of an ensemble") for index in range(count)]
    trials = {
        SINGLE: singles,
        CODISTILLED: [group(seed) for seed in seeds],
        ENSEMBLE: [laboratory.ensemble(members) for members in zip(singles, others, strict=True)],
    }
    note("comparing predictions")
    answers = {kind: [evaluation.ask(trial.model) for trial in trials[kind]] for kind in KINDS}
    note("measuring what serving costs")
    times = evaluation.time({kind: trials[kind][0].model for kind in KINDS})
    given = laboratory.codistillation.to_json()
    return {
        "task": task,
        "seeds": list(seeds),
        "codistillation": {name: value for name, value in given.items() if name != "launch"},
        "trials": [
            {
                "kind": kind,
                "seeds": list(trial.seeds),
                "parameters": trial.parameters,
                "seconds": trial.seconds,
                "measures": answer.quality,
            }
            for kind in KINDS
            for trial, answer in zip(trials[kind], answers[kind], strict=True)
        ],
        "pairs": [pair for kind in KINDS for pair in _pairs(task, kind, list(seeds), answers[kind])],
        "serving": {kind: found.to_json() for kind, found in times.items()},
    }


def _pairs(task: str, kind: str, seeds: list[int], answers: list[Answers]) -> list[dict[str, Any]]:
    made = []
    for (one, mine), (other, theirs) in pairs(list(zip(seeds, answers, strict=True))):
        change = measure(task, mine.predictions, theirs.predictions)
        made.append({"kind": kind, "seeds": [one, other], **change.to_json()})
    return made
