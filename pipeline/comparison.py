"""The frame of a comparison of trainings: data once through the pipeline, trials, results and a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from absl import logging

from pipeline.config import Config
from pipeline.graph import build
from pipeline.local import logs
from pipeline.local.failures import as_tandem_error
from pipeline.local.runner import Outcome, run_graph
from pipeline.local.watcher import Watcher
from pipeline.root import Root
from pipeline.runs.lock import exclusive
from pipeline.runs.store import Run, now
from trainer.storage import write_json

LAST_STEP = "transform"
"""What runs of the pipeline before the trials."""
RESULTS, REPORT = "results.json", "report.html"
Note = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Found:
    """What a comparison found.

    Args:
        directory: with results, report, logs and trials.
        results: content of `results.json`.
    """

    directory: Path
    results: dict[str, Any]

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.directory / REPORT


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What trials start from.

    Args:
        outputs: URIs of the outputs of the steps up to `transform`.
        kept: directory of trials, so that an interrupted comparison goes on.
        logs: directory of the logs.
        fingerprint: digest of the code that trains.
    """

    outputs: Mapping[str, Mapping[str, str]]
    kept: Path
    logs: Path
    fingerprint: str


def compare(
    kind: str,
    config: Config,
    config_directory: Path,
    root: Root,
    watcher: Watcher,
    trials: Callable[[Prepared], dict[str, Any]],
    write_report: Callable[[Mapping[str, Any], Path], None],
    verbose: bool = False,
) -> Found:
    """Prepares the data, has trials made, and writes what they found.

    The data is ingested and transformed by the steps of the pipeline, from their cache where they ran before.
    Nothing is evaluated by the gate, and nothing is pushed.

    Args:
        kind: `churn` or `noise`; names the folder below the root.
        config: the configuration.
        config_directory: directory that relative paths in it refer to.
        root: where everything is kept.
        watcher: told about each step.
        trials: makes them; its result gets the `name` of the config and when it was `finished`.
        write_report: given the results and a path.
        verbose: also log to the terminal. Defaults to `False`.

    Raises:
        TandemError: `RUN-004` if a run works on this root, those of the steps and of the trials.
    """
    with exclusive(root.lock, f"{kind} of {config.name}"):
        run, outcome = Run(root.path / kind / config.name), Outcome()
        with logs.to_file(run.log_path("prepare"), verbose):
            graph = build(config, config_directory, root)
        run_graph(graph, root, run, 1, watcher, outcome, verbose, last=LAST_STEP)
        if outcome.error is not None:
            raise outcome.error
        log = run.log_path("trials")
        with logs.to_file(log, verbose):
            kept, fingerprint = run.directory / "trials", graph.fingerprints["train"]
            try:
                results = trials(Prepared(outcome.outputs, kept, log.parent, fingerprint))
            except Exception as error:
                logging.exception("A trial failed.")
                raise as_tandem_error(error, kind) from error
        results = {**results, "name": config.name, "finished": now()}
        write_json(run.directory / RESULTS, results)
        write_report(results, run.directory / REPORT)
    return Found(run.directory, results)
