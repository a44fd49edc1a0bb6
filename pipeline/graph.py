"""The graph: config -> TFX pipeline. One static graph serves every run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
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
from components.ingest.fingerprint import fingerprint as input_fingerprint
from components.ingest.plan import split_rule
from components.push.component import Push
from components.push.state import registry_state, warm_start_from
from components.schema.component import Schema
from components.schema.core import KeptSchemas
from components.score.component import Score
from components.statistics.component import Statistics
from components.train.component import Train
from pipeline import plan
from pipeline.config import Config
from pipeline.fingerprint import SOURCES, step_fingerprint
from pipeline.root import Root
from pipeline.runs.history import previous_statistics

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


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(values: Any) -> str:
    return hashlib.sha256(_text(values).encode()).hexdigest()[:16]


def build(config: Config, config_directory: Path, root: Root) -> Graph:
    """Builds the graph.

    Args:
        config: the configuration.
        config_directory: directory that relative paths in it refer to.
        root: where artifacts, metadata, the registry and served models are kept.

    Returns:
        The graph; nothing has run yet.

    Raises:
        TandemError: if the inputs cannot be found.
    """
    prints = {step: step_fingerprint(step) for step in STEPS}
    arguments = plan.ingest_arguments(config, config_directory)
    rule = split_rule(arguments["data"])
    data_print = input_fingerprint(arguments["data"], config_directory)
    run_print = _digest([config.model_dump(mode="json"), data_print, prints])
    serving = root.serving_of(config.push.directory, config_directory)
    state = registry_state(serving, config.name, root.registry, run_print)
    inferred_with = _text(plan.schema_arguments(config))
    label, task = config.label.column, config.task
    kept = KeptSchemas(root.schema / config.name)
    origin = _digest(
        [arguments, data_print, plan.columns(config), label, inferred_with]
        + [prints[step] for step in ("ingest", "statistics", "schema")]
    )

    ingest = Ingest(
        data=_text(arguments["data"]),
        label=_text(arguments["label"]),
        features=_text(arguments["features"]),
        task=task,
        base_directory=str(config_directory),
        input_fingerprint=data_print,
        fingerprint=prints["ingest"],
    ).with_id("ingest")
    examples = ingest.outputs["examples"]
    statistics = Statistics(examples=examples, quantiles=QUANTILES, fingerprint=prints["statistics"]).with_id(
        "statistics"
    )
    schema = Schema(
        statistics=statistics.outputs["statistics"],
        columns=_text(plan.columns(config)),
        label=label,
        check=inferred_with,
        directory=str(root.schema / config.name),
        version=kept.version(),
        state=kept.state(kept.version(), origin),
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
        check=_text(config.check.model_dump(mode="json")),
        label=label,
        time_column=config.data.time_column or "",
        previous_statistics=previous_statistics(root, config.name, data_print),
        directory=str(root.schema / config.name),
        version=kept.version(),
        origin=origin,
        fingerprint=prints["check"],
    ).with_id("check")
    transform_plan = _text(plan.transform_plan(config))
    transform = _stock(
        tfx.components.Transform(
            examples=examples,
            schema=schema.outputs["schema"],
            preprocessing_fn="transforms.tabular.preprocessing_fn",
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
        model_config=_text(arguments["model"]),
        train=_text(arguments["train"]),
        reading=_text({"delimiter": config.data.delimiter, "null_values": config.data.null_values}),
        recorded_requests=config.push.recorded_requests,
        checkpoint_root=str(root.checkpoints / config.name),
        warm_start_from=warm_start_from(state, serving / config.name)
        if config.train.warm_start != "none"
        else "",
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
    ).with_id("baseline")
    score = Score(
        examples=examples,
        model=model,
        baseline_model=baseline.outputs["baseline_model"],
        model_run=train.outputs["model_run"],
        task=task,
        label=label,
        columns=_text(plan.slice_columns(config)),
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
        gate=_text(plan.gate_arguments(config)),
        evaluate=_text({"min_slice_size": config.evaluate.min_slice_size}),
        push=_text({"equality_tolerance": config.push.equality_tolerance}),
        fingerprint=prints["gate"],
    ).with_id("gate")
    push = Push(
        model=model,
        blessing=gate.outputs["blessing"],
        serving_root=str(serving),
        registry_root=str(root.registry),
        name=config.name,
        registry_state=state.push,
        run_fingerprint=run_print,
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
    pipeline = tfx.dsl.Pipeline(
        # A pipeline must not have the name of one of its steps.
        pipeline_name=f"tandem-{config.name}",
        pipeline_root=str(root.artifacts),
        components=steps,
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root.metadata)
        ),
        beam_pipeline_args=beam_arguments(config),
    )
    return Graph(pipeline, {"data": data_print, "run": run_print, **prints})


def beam_arguments(config: Config) -> list[str]:
    """Beam options of every step: the runner by name, then the configured options."""
    runner = _RUNNERS.get(config.beam.runner)
    if runner is None:
        return [f"--runner={config.beam.runner}", *config.beam.options]
    # Without an image named TFX packs its own sources for remote workers in every step; here there are none.
    return [f"--runner={runner}", "--sdk_container_image=none", *config.beam.options]


def _stock(component: BaseComponent, step: str, prints: dict[str, str]) -> BaseComponent:
    component.executor_spec.add_extra_flags([f"--fingerprint={prints[step]}"])
    return component.with_id(step)
