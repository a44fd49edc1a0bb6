"""The graph: config -> TFX pipeline. One static graph serves every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base.base_component import BaseComponent

from components.baseline.component import Baseline
from components.check.component import Check
from components.check.drift import QUANTILES
from components.evaluate.config import eval_config
from components.gate.component import Gate
from components.ingest.component import Ingest
from components.ingest.plan import split_rule
from components.push.component import Push
from components.schema.component import Schema
from components.score.component import Score
from components.statistics.component import Statistics
from components.train.component import Train
from pipeline import plan
from pipeline.config import Config
from pipeline.fingerprint import SOURCES, step_fingerprint
from pipeline.root import Root
from pipeline.state import State, find, text

STEPS: tuple[str, ...] = tuple(SOURCES)

# Named by class path: by short name Beam would first look for a runner that it downloads.
_RUNNERS = {"FnApiRunner": "apache_beam.runners.portability.fn_api_runner.FnApiRunner"}


@dataclasses.dataclass(frozen=True)
class Graph:
    """A pipeline and what identifies its inputs.

    Args:
        pipeline: the TFX pipeline.
        fingerprints: `data` and `run`, and one for each step.
    """

    pipeline: tfx.dsl.Pipeline
    fingerprints: dict[str, str]


def fingerprints() -> dict[str, str]:
    """Digest of the sources and libraries of each step, by its name."""
    return {step: step_fingerprint(step) for step in STEPS}


def pipeline_name(config: Config) -> str:
    """Name of the TFX pipeline, which must not be that of one of its steps."""
    return f"tandem-{config.name}"


def build(config: Config, config_directory: Path, root: Root) -> Graph:
    """Builds the graph of a run on this machine.

    Args:
        config: the configuration.
        config_directory: directory that relative paths in it refer to.
        root: where artifacts, metadata, the registry and served models are kept.

    Returns:
        The graph; nothing has run yet.

    Raises:
        TandemError: if the inputs cannot be found.
    """
    prints = fingerprints()
    serving = root.serving_of(config.push.directory, config_directory)
    state = find(config, config_directory, root, serving, prints)
    steps = components(config, config_directory, config_directory, root, serving, state, prints)
    pipeline = tfx.dsl.Pipeline(
        pipeline_name=pipeline_name(config),
        pipeline_root=str(root.artifacts),
        components=list(steps.values()),
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root.metadata)
        ),
        beam_pipeline_args=beam_arguments(config),
    )
    return Graph(pipeline, {"data": state.data, "run": state.run, **prints})


def components(
    config: Config,
    config_directory: Path,
    base_directory: Path,
    root: Root,
    serving: Path,
    state: State,
    prints: Mapping[str, str],
    span: Any = "",
) -> dict[str, BaseComponent]:
    """The steps of every run, by name, in order.

    Args:
        config: the configuration.
        config_directory: directory of the config file.
        base_directory: directory that relative paths of `data` refer to where the steps run.
        root: the root where the steps run.
        serving: directory of all served models there.
        state: what the run finds; where it is not known yet, placeholders for it.
        prints: of the sources and libraries of each step.
        span: span to read in place of that of the config. Defaults to `""`, that of the config.
    """
    arguments = plan.ingest_arguments(config, config_directory)
    rule = split_rule(arguments["data"])
    label, task = config.label.column, config.task

    ingest = Ingest(
        data=text(arguments["data"]),
        label=text(arguments["label"]),
        features=text(arguments["features"]),
        task=task,
        base_directory=str(base_directory),
        input_fingerprint=state.data,
        span=span,
        fingerprint=prints["ingest"],
    ).with_id("ingest")
    examples = ingest.outputs["examples"]
    statistics = Statistics(examples=examples, quantiles=QUANTILES, fingerprint=prints["statistics"]).with_id(
        "statistics"
    )
    schema = Schema(
        statistics=statistics.outputs["statistics"],
        columns=text(plan.columns(config)),
        label=label,
        check=text(plan.schema_arguments(config)),
        directory=str(root.schema / config.name),
        version=state.schema_version,
        state=state.schema_state,
        fingerprint=prints["schema"],
    ).with_id("schema")
    validator = _stock(
        tfx.components.ExampleValidator(
            statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
        ),
        "validator",
        prints,
    )
    checked = Check(
        statistics=statistics.outputs["statistics"],
        anomalies=validator.outputs["anomalies"],
        schema=schema.outputs["schema"],
        check=text({**config.check.model_dump(mode="json"), "texts": plan.texts(config)}),
        label=label,
        time_column=config.data.time_column or "",
        previous_statistics=state.previous_statistics,
        directory=str(root.schema / config.name),
        version=state.schema_version,
        origin=state.origin,
        fingerprint=prints["check"],
    ).with_id("check")
    transform_plan = text(plan.transform_plan(config))
    transform = _stock(
        tfx.components.Transform(
            examples=examples,
            schema=schema.outputs["schema"],
            preprocessing_fn=plan.preprocessing(config),
            custom_config={"plan": transform_plan},
            splits_config=tfx.proto.SplitsConfig(
                analyze=["train"],
                transform=["train", "validation"] if rule.has_validation else ["train"],
            ),
            disable_statistics=True,
        ),
        "transform",
        prints,
    )
    transform.add_upstream_node(checked)
    arguments = plan.train_arguments(config)
    train = Train(
        examples=examples,
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        plan=transform_plan,
        model_config=text(arguments["model"]),
        train=text(arguments["train"]),
        reading=text({"delimiter": config.data.delimiter, "null_values": config.data.null_values}),
        recorded_requests=config.push.recorded_requests,
        checkpoint_root=str(root.checkpoints / config.name),
        warm_start_from=state.warm_start_from,
        fingerprint=prints["train"],
    ).with_id("train")
    model = train.outputs["model"]
    baseline = Baseline(
        model_run=train.outputs["model_run"],
        serving_root=str(serving),
        registry_root=str(root.registry),
        name=config.name,
        registry_state=state.baseline,
        fingerprint=prints["baseline"],
        **({"transform_graph": transform.outputs["transform_graph"]} if plan.is_sequence(config) else {}),
    ).with_id("baseline")
    score = Score(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["baseline_model"],
        model_run=train.outputs["model_run"],
        task=task,
        label=label,
        columns=text(plan.slice_columns(config)),
        weight_column=config.data.weight_column or "",
        fingerprint=prints["score"],
    ).with_id("score")
    evaluate = _stock(
        tfx.components.Evaluator(
            examples=score.outputs["scores"],
            baseline_model=baseline.outputs["baseline_model"],
            example_splits=["eval"],
            eval_config=eval_config(**plan.evaluate_arguments(config)),
        ),
        "evaluate",
        prints,
    )
    gate = Gate(
        model=model,
        model_run=train.outputs["model_run"],
        baseline_model=baseline.outputs["baseline_model"],
        scores=score.outputs["scores"],
        evaluation=evaluate.outputs["evaluation"],
        gate=text(plan.gate_arguments(config)),
        evaluate=text({"min_slice_size": config.evaluate.min_slice_size}),
        push=text({"equality_tolerance": config.push.equality_tolerance}),
        fingerprint=prints["gate"],
    ).with_id("gate")
    push = Push(
        model=model,
        blessing=gate.outputs["blessing"],
        serving_root=str(serving),
        registry_root=str(root.registry),
        name=config.name,
        registry_state=state.push,
        run_fingerprint=state.run,
        fingerprint=prints["push"],
    ).with_id("push")
    steps = [
        ingest,
        statistics,
        schema,
        validator,
        checked,
        transform,
        train,
        baseline,
        score,
        evaluate,
        gate,
        push,
    ]
    return {step.id: step for step in steps}


def beam_arguments(config: Config) -> list[str]:
    """Beam options of every step: the runner by name, then the configured options."""
    runner = _RUNNERS.get(config.beam.runner)
    if runner is None:
        return [f"--runner={config.beam.runner}", *config.beam.options]
    # Without an image named TFX packs its own sources for remote workers in every step; here there are none.
    return [f"--runner={runner}", "--sdk_container_image=none", *config.beam.options]


def _stock(component: BaseComponent, step: str, prints: Mapping[str, str]) -> BaseComponent:
    component.executor_spec.add_extra_flags([f"--fingerprint={prints[step]}"])
    return component.with_id(step)
