"""The graph of a run on Kubeflow: the steps of every run between `begin` and `report`, and `finish`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfx import v1 as tfx
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr

from components.release.component import Release
from components.serve.component import Serve
from pipeline.config import Config, dump, resolve_prepare
from pipeline.graph import beam_arguments, components, fingerprints
from pipeline.kubeflow.naming import pipeline_name, service_name
from pipeline.kubeflow.places import Places
from pipeline.kubeflow.steps.begin import Begin
from pipeline.kubeflow.steps.finish import Finish
from pipeline.kubeflow.steps.report import INPUTS, Report
from pipeline.root import Root
from pipeline.state import State, text

RUN_ID = "{{$.pipeline_job_uuid}}"
"""Filled in by the backend's driver; it must be the whole value."""

SPAN = "span"
"""The parameter of a run."""

# What they read or leave is not all in their parameters.
NEVER_CACHED = frozenset({"begin", "release", "serve", "report", "finish"})
DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"


@dataclasses.dataclass(frozen=True)
class ClusterGraph:
    """A TFX pipeline for Kubeflow.

    Args:
        pipeline: all steps but the last.
        finish: the exit handler.
        fingerprints: of the sources and libraries of each step.
    """

    pipeline: tfx.dsl.Pipeline
    finish: BaseComponent
    fingerprints: dict[str, str]


def build(config: Config, config_directory: Path) -> ClusterGraph:
    """Builds the graph; neither data nor registry are looked at, the step `begin` does that.

    Args:
        config: the configuration.
        config_directory: directory of the config file, with the file of `data.prepare`.

    Raises:
        TandemError: if the file of `data.prepare` is absent.
    """
    source = ""
    if config.data.prepare is not None:
        source = resolve_prepare(config.data.prepare, config_directory)[0].read_text()
    places, prints = Places(config, source), fingerprints()
    frozen, shown_prints = dump(config), text(prints)
    begin = Begin(
        config=frozen,
        prepare_source=source,
        fingerprints=shown_prints,
        span=RuntimeParameter(SPAN, str),
    ).with_id("begin")

    def found(name: str) -> object:
        return begin.outputs[name].future()[0].value

    state = State(**{field.name: found(field.name) for field in dataclasses.fields(State)})
    steps = {"begin": begin} | components(
        config,
        config_directory,
        places.base,
        Root(places.state),
        places.serving,
        state,
        prints,
        found("resolved_span"),
    )
    steps |= _targets(config, places, steps["push"])
    names = text([*steps, "report"])
    steps["report"] = Report(
        config=frozen,
        fingerprints=shown_prints,
        steps=names,
        **{name: steps[step].outputs[output] for name, (step, output) in INPUTS.items()},
    ).with_id("report")
    if "serve" in steps or "release" in steps:
        # A release that fails is a run that failed.
        steps["report"].add_upstream_node(steps.get("serve", steps.get("release")))
    webhook = config.kubeflow.webhook
    finish = Finish(
        config=frozen,
        fingerprints=shown_prints,
        steps=names,
        run=RUN_ID,
        status=FinalStatusStr(),
        webhook_on=text(webhook.on if webhook else []),
    ).with_id("finish")
    pipeline = tfx.dsl.Pipeline(
        pipeline_name=pipeline_name(config.name),
        pipeline_root=config.kubeflow.pipeline_root or DEFAULT_ROOT,
        components=list(steps.values()),
        enable_cache=True,
        beam_pipeline_args=beam_arguments(config),
    )
    return ClusterGraph(pipeline, finish, prints)


def _targets(config: Config, places: Places, push: BaseComponent) -> dict[str, BaseComponent]:
    """The steps that take a pushed version elsewhere: to a mirror, and to an InferenceService."""
    mirror, service = config.push.mirror, config.push.kserve
    if mirror is None and service is None:
        return {}
    settings = {
        "storage": service.storage if service else "none",
        "releases": str(places.state / "releases"),
        "keep_releases": service.keep_releases if service else 2,
        "mirror": mirror or "",
    }
    release = Release(
        pushed_model=push.outputs["pushed_model"],
        serving_root=str(places.serving),
        name=config.name,
        settings=text(settings),
    ).with_id("release")
    if service is None:
        return {"release": release}
    told = service.model_dump(mode="json") | {
        "name": service.name or service_name(config.name),
        "namespace": service.namespace or "",
        "claim": config.kubeflow.state.claim,
        "path": str(places.state),
    }
    return {
        "release": release,
        "serve": Serve(release=release.outputs["release"], kserve=text(told)).with_id("serve"),
    }
