"""What a run came to, as its summary and report tell it."""

from __future__ import annotations

import math
from typing import Any

from absl import logging

from pipeline.config import Config
from pipeline.root import Root
from pipeline.view.build import Outputs, view


def shown(
    config: Config, text: str, root: Root, outputs: Outputs, summary: dict[str, Any], previous: str
) -> dict[str, Any]:
    """What the report shows; a view that cannot be made whole says so."""
    try:
        return _finite(view(config, text, root, outputs, summary, previous))
    except Exception as error:  # noqa: BLE001 - a report that shows less beats a run that ends without one
        logging.exception("The report is incomplete.")
        problem = f"The report is incomplete: {type(error).__name__}: {error}"
        return {"summary": summary, "config_text": text, "data": {"warnings": [problem]}}


def _finite(value: Any) -> Any:
    """`value` with every number that JSON does not have as `None`; a summary in it stays the same object."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key == "summary" else _finite(item) for key, item in value.items()}
    return value


def complete(summary: dict[str, Any], shown: dict[str, Any], outputs: Outputs, root: Root) -> None:
    """Adds rows, spans, metrics, verdicts and the model's digest to a summary."""
    data = shown.get("data") or {}
    gate = shown.get("gate") or {}
    metrics = shown.get("metrics") or {}
    summary["rows"] = data.get("splits", {})
    summary["spans"] = (data.get("ingest") or {}).get("spans", [])
    summary["metrics"] = {
        "candidate": (metrics.get("candidate") or {}).get("overall", {}),
        "baseline": (metrics.get("baseline") or {}).get("overall", {}),
        "prior": metrics.get("prior", {}),
        "slices": (metrics.get("candidate") or {}).get("slices", []),
    }
    summary["gate"] = gate.get("verdicts", [])
    summary["model_digest"] = gate.get("model_digest")
    uri = outputs.get("statistics", {}).get("statistics")
    summary["statistics_uri"] = root.relative(uri) if uri else ""
