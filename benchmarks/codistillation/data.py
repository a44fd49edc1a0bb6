"""Transformed rows of an example, made once by the steps of the pipeline and kept under a root."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pronunciation.tandem import CONFIGS
from pipeline import kernels
from pipeline.config import load

if TYPE_CHECKING:
    from pipeline.churn.evaluation import Evaluation
    from trainer.loop import RunSpec

PRONUNCIATION = CONFIGS[8]


@dataclasses.dataclass(frozen=True)
class Data:
    """What ingest and transform made of a config.

    Args:
        config: its file.
        overrides: `KEY=VALUE` that hold for every training.
        outputs: URIs of the outputs of the steps up to `transform`.
        fingerprint: digest of the code that trains.
        kept: directory of trials.
    """

    config: Path
    overrides: tuple[str, ...]
    outputs: Mapping[str, Mapping[str, str]]
    fingerprint: str
    kept: Path

    def spec(self, *overrides: str, seed: int | None = None) -> RunSpec:
        """A training of these rows.

        Args:
            *overrides: `KEY=VALUE` for the config, before those that hold for every training.
            seed: int. Defaults to `None`: that of the config.
        """
        from components.adapter import split_files
        from components.train import features
        from pipeline import plan
        from pipeline.state import text
        from trainer.loop import RunSpec
        from trainer.spec import ModelSpec, TrainSpec

        config = load(self.config, [*overrides, *self.overrides])
        arguments = plan.train_arguments(config)
        train = TrainSpec.from_json(arguments["train"])
        if train.codistillation is not None:
            launch = dataclasses.replace(train.codistillation.launch, **(plan.launch(config) or {}))
            codistillation = dataclasses.replace(train.codistillation, launch=launch)
            train = dataclasses.replace(train, codistillation=codistillation)
        if seed is not None:
            train = dataclasses.replace(train, seed=seed)
        graph = self.outputs["transform"]["transform_graph"]
        examples = self.outputs["transform"]["transformed_examples"]
        return RunSpec(
            **features.resolve(graph, text(plan.transform_plan(config))),
            model=ModelSpec.from_json(arguments["model"]),
            train=train,
            train_files=tuple(split_files(examples, "train")),
            validation_files=tuple(split_files(examples, "validation")),
            transform_graph_dir=graph,
            checkpoint_dir="",
            output_dir="",
            run_dir="",
        )

    @functools.cached_property
    def evaluation(self) -> Evaluation:
        """The `eval` split; read once."""
        from pipeline.churn.experiment import evaluation_of

        config = load(self.config, list(self.overrides))
        return evaluation_of(config, self.spec().features, self.outputs["ingest"]["examples"])


def root_of(config: Path, root: Path) -> Path:
    """Where everything of a config lies."""
    return root.absolute() / (config.parent.name if config.stem == "config" else config.stem)


def prepare(config: Path, root: Path, overrides: Sequence[str]) -> Data:
    """Runs the pipeline up to `transform`, from its cache where it ran before.

    Args:
        config: file of a config.
        root: of all that is benchmarked here; each config has a folder of its own.
        overrides: `KEY=VALUE` for the config.

    Raises:
        TandemError: those of the steps.
    """
    told = load(config, list(overrides))
    # Before anything loads TensorFlow.
    kernels.use_default()
    kernels.use(told)
    from pipeline.comparison import LAST_STEP
    from pipeline.graph import build
    from pipeline.local import logs
    from pipeline.local.runner import Outcome, run_graph
    from pipeline.local.watcher import Watcher
    from pipeline.root import Root
    from pipeline.runs.lock import exclusive
    from pipeline.runs.store import Run

    place = Root(root_of(config, root))
    with exclusive(place.lock, f"benchmarks of {told.name}"):
        run, outcome = Run(place.path / "benchmarks"), Outcome()
        with logs.to_file(run.log_path("prepare"), False):
            graph = build(told, config.resolve().parent, place)
        run_graph(graph, place, run, 1, Watcher(), outcome, last=LAST_STEP)
    if outcome.error is not None:
        raise outcome.error
    outputs: dict[str, Any] = outcome.outputs
    return Data(config, tuple(overrides), outputs, graph.fingerprints["train"], place.path / "trials")
