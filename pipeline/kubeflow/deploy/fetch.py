"""Brings summary and report of a run here, through the artifact route of the UI."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.kubeflow.api import artifacts
from pipeline.kubeflow.api.client import Client
from pipeline.kubeflow.api.errors import ApiError
from trainer.storage import write_atomic

_DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"
_STATUSES = ("pushed", "not_blessed", "failed")


@dataclasses.dataclass(frozen=True)
class Fetched:
    """What was found.

    Args:
        summary: content of `summary.json`; `None` if there is none.
        report: the report here; `None` if there is none.
        where: where both are on the cluster, in words.
        reason: why something is missing; `""` if nothing is.
    """

    summary: dict[str, Any] | None
    report: Path | None
    where: str
    reason: str


def base_uri(config: Config, pipeline: str, run: Any) -> str:
    """Directory of the report: `<pipeline root>/<pipeline>/<run id>/report`."""
    told = run.runtime_config.pipeline_root if run.runtime_config else None
    root = (told or config.kubeflow.pipeline_root or _DEFAULT_ROOT).partition("?")[0].rstrip("/")
    return f"{root}/{pipeline}/{run.run_id}/report"


def fetch(client: Client, config: Config, pipeline: str, run: Any, directory: Path) -> Fetched:
    """Reads both files and writes them below `directory`.

    A run that failed early, or an address that is not that of the UI, has none; that is told, not raised.

    Args:
        client: the API.
        config: of the pipeline.
        pipeline: name of the pipeline.
        run: the run, ended.
        directory: where to write `summary.json` and `report.html`.
    """
    base = base_uri(config, pipeline, run)
    state = config.kubeflow.state
    where = f"{base} and, on claim {state.claim}, runs/*-{run.run_id}"
    try:
        content = artifacts.read(client, f"{base}/summary.json")
        summary = json.loads(content)
        if not isinstance(summary, dict) or summary.get("status") not in _STATUSES:
            raise ValueError
    except ApiError as error:
        return Fetched(None, None, where, f"{error.code} {error.message}")
    except ValueError:
        return Fetched(None, None, where, "the address serves something else in place of summary.json")
    write_atomic(directory / "summary.json", content)
    try:
        page = artifacts.read(client, f"{base}/report.html")
    except ApiError as error:
        return Fetched(summary, None, where, f"{error.code} {error.message}")
    write_atomic(directory / "report.html", page)
    return Fetched(summary, directory / "report.html", where, "")
