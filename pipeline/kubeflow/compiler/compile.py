"""`tandem compile`: TFX's own compiler, then the passes, then the strict checks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from tfx import v1 as tfx
from tfx.dsl.components.base.base_component import BaseComponent

from pipeline.config import Config
from pipeline.fingerprint import source_fingerprint
from pipeline.kubeflow.check import require
from pipeline.kubeflow.compiler import passes, settings
from pipeline.kubeflow.graph import NEVER_CACHED, SPAN, build
from trainer.errors import TandemError

Json = dict[str, Any]

_LIKE_NUMBER = re.compile(r"[-+]?[.0-9].{,38}|[-+]?[.0-9][-+.\w]*|[-+](inf|nan)\w*", re.IGNORECASE)
COMMAND = ("python", "-m", "pipeline.kubeflow.entrypoint")


def compile_pipeline(
    pipeline: tfx.dsl.Pipeline,
    finish: BaseComponent | None = None,
    *,
    image: str,
    state: str = "",
    fingerprints: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    never_cached: Collection[str] = (),
    cache: bool = True,
    shown: Iterable[tuple[str, str, str]] = (),
) -> Json:
    """Any TFX pipeline as a `PipelineSpec` that the open-source backend runs.

    Args:
        pipeline: the pipeline.
        finish: exit handler. Defaults to `None`.
        image: image with this package.
        state: root on the state volume, for the record of the run. Defaults to `""`, none.
        fingerprints: digest of sources and libraries by step. Defaults to `None`.
        sources: digest of the sources by step. Defaults to `None`.
        defaults: value by parameter of the pipeline. Defaults to `None`.
        never_cached: steps that the backend's cache must not answer. Defaults to `()`.
        cache: whether it may answer others. Defaults to `True`.
        shown: task, output and type, such as `system.HTML`, that the backend's pages show. Defaults to `()`.

    Returns:
        The specification as JSON, schema version 2.1.0.

    Raises:
        TandemError: `KFP-051`, `KFP-052` or `KFP-053` for what the backend cannot run.
    """
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
            default_image=image, default_commands=list(COMMAND), use_pipeline_spec_2_1=True
        )
    )
    if finish is not None:
        runner.set_exit_handler(finish)
    try:
        spec: Json = runner.run(pipeline, write_out=False)["pipelineSpec"]
    except NotImplementedError as error:
        raise TandemError(
            "KFP-053",
            f"Expected components that run on Kubeflow. Received: {error}",
            "The step `gate` does what InfraValidator does: it serves recorded requests from the model.",
            exit_status=2,
        ) from error
    passes.refuse_resolvers(spec)
    passes.refuse_module_files(spec)
    passes.drop_lifecycle(spec)
    passes.name_producers(spec)
    passes.set_defaults(spec, defaults or {})
    passes.forward_parameters(spec)
    passes.type_final_status(spec)
    passes.set_caching(spec, never_cached, cache)
    passes.encode_templates(spec)
    for task, output, title in shown:
        passes.show_as(spec, task, output, title)
    passes.set_entrypoint(spec, state, fingerprints or {}, sources or {})
    spec["defaultPipelineRoot"] = pipeline.pipeline_info.pipeline_root
    return spec


def compile_config(config: Config, directory: Path) -> str:
    """The compiled file of a config.

    Args:
        config: the config.
        directory: its directory, with the file of `data.prepare`.

    Returns:
        Two YAML documents; the same for the same config, sources and libraries.

    Raises:
        TandemError: `KFP-050` without `kubeflow.image`, `KFP-054` for rows out of reach, or as
            `compile_pipeline` and the strict checks do.
    """
    section = config.kubeflow
    if section.image is None:
        raise TandemError(
            "KFP-050",
            "Expected an image that the steps run in. Received: kubeflow.image=null",
            "`make images` builds one; name it in the config or with `--set kubeflow.image=NAME:TAG`.",
            exit_status=2,
        )
    _require_mounted(config)
    graph = build(config, directory)
    spec = compile_pipeline(
        graph.pipeline,
        graph.finish,
        image=section.image,
        state=section.state.path,
        fingerprints=graph.fingerprints,
        sources={step: source_fingerprint(step) for step in graph.fingerprints},
        defaults={SPAN: ""},
        never_cached=NEVER_CACHED,
        cache=section.cache,
        shown=[("report", "report", "system.HTML")],
    )
    settings.apply(spec, config)
    text = to_text(spec, settings.platform(spec, config))
    require(text, "the compiled file")
    return text


def _require_mounted(config: Config) -> None:
    """Rows must lie below a mount of the steps.

    Raises:
        TandemError: `KFP-054` if a path of `data` cannot be reached there.
    """
    section, data = config.kubeflow, config.data
    mounts = [section.state.path, *(volume.path for volume in section.volumes)]
    split = data.split
    lines = (data.lines or {}).values()
    for path in (data.path, *lines, split.train_files, split.validation_files, split.eval_files):
        if not path:
            continue
        parts = PurePosixPath(path).parts
        below = any(PurePosixPath(path).is_relative_to(mount) for mount in mounts)
        if "://" in path or ".." in parts or (path.startswith("/") and not below):
            raise TandemError(
                "KFP-054",
                f"Expected rows below a volume that the steps mount: {', '.join(mounts)}. Received: {path}",
                "Relative paths start at the state volume; `kubeflow.volumes` mounts others.",
                exit_status=2,
            )


def to_text(spec: Json, platform: Json) -> str:
    """Both documents as YAML with sorted keys."""
    return str(
        yaml.dump_all(
            [spec, platform],
            Dumper=_Dumper,
            sort_keys=True,
            allow_unicode=True,
            width=110,
            explicit_start=False,
        )
    )


class _Dumper(yaml.SafeDumper):
    """Long texts as they are, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """The backend's reader takes none."""
        del data
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    if _LIKE_NUMBER.fullmatch(text):
        # Readers of YAML 1.1, of 1.2 and the backend's disagree on what is a number.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    style = "|" if "\n" in text and not any(line.endswith((" ", "\t")) for line in text.split("\n")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
