"""Files that a simulation finds on the state volume, as somebody would have copied them there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate import pod as pods
from pipeline.kubeflow.simulate.document import Document
from trainer.errors import TandemError
from trainer.faults import point

STATE = "--state"


def state_volume(document: Document, cluster: pods.Cluster) -> Path:
    """The directory that stands for the volume which the steps keep their state on.

    Raises:
        TandemError: `KFP-207` if no step names one.
    """
    for _, component in document.containers():
        arguments = list(document.executor(component).container.args)
        if STATE not in arguments:
            continue
        place = arguments[arguments.index(STATE) + 1]
        claim = pods.claims_of(document.settings(component), ps.ExecutorInput()).get(place)
        if claim:
            return cluster.claims.get(claim, cluster.volumes / claim)
    raise TandemError(
        "KFP-207",
        "Expected a pipeline with a state volume. Received: no step that names one",
        "Leave `--put` out, or compile the pipeline with `tandem compile`.",
        exit_status=2,
    )


def put(files: Sequence[Path], volume: Path) -> None:
    """Copies files and directories to a volume: a relative path to the same one there, another to the top.

    Raises:
        TandemError: `KFP-208` if one is absent.
    """
    for file in files:
        if not file.exists():
            raise TandemError(
                "KFP-208",
                f"Expected a file or a directory. Received: {file}",
                "Name what `data.path` reads as it lies here, or a whole volume with `--volume CLAIM=DIR`.",
                exit_status=2,
            )
        inside = not file.is_absolute() and ".." not in file.parts
        target = volume / file if inside else volume / file.name
        point("simulate.put", file.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        if file.is_dir():
            shutil.copytree(file, part)
            shutil.rmtree(target, ignore_errors=True)
        else:
            shutil.copyfile(file, part)
        part.rename(target)
