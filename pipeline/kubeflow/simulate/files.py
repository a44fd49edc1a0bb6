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
    """Copies files to the top of a volume.

    Raises:
        TandemError: `KFP-208` if a file is absent.
    """
    for file in files:
        if not file.is_file():
            raise TandemError(
                "KFP-208",
                f"Expected a file. Received: {file}",
                "Name the files of `data.path` as they lie here.",
                exit_status=2,
            )
        point("simulate.put", file.name)
        part = volume / f".{file.name}.part"
        shutil.copyfile(file, part)
        part.rename(volume / file.name)
