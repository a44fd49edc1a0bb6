"""What the report and the summary show, gathered from the outputs of the steps of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.adapter import read_anomalies, read_statistics
from components.check.core import examine
from components.evaluate.metrics import read_metrics
from components.gate.rules import CHANGE_METRICS
from components.train.group.files import OUTCOME
from pipeline.config import Config
from pipeline.fingerprint import all_library_versions
from pipeline.root import Root
from pipeline.view.columns import columns
from trainer.errors import TandemError

Json = dict[str, Any]
Outputs = Mapping[str, Mapping[str, str]]

_SPLITS = ("train", "validation", "eval")
_DEAD_LETTERS = 20
_SEQUENCES = (
    "rows", "sources", "references", "left_out", "status", "by_length", "samples", "speed", "quantisation",
)  # fmt: skip


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.is_file() else None


def _place(outputs: Outputs, step: str, name: str) -> Path | None:
    uri = outputs.get(step, {}).get(name)
    return Path(uri) if uri else None


def _kinds(config: Config) -> dict[str, str]:
    kinds = {config.label.column: "label"}
    kinds |= {name: feature.kind for name, feature in config.features.items()}
    kinds |= {name: "kept" for name in config.data.keep if name not in kinds}
    if config.data.weight_column:
        kinds[config.data.weight_column] = "weight"
    return kinds


def _stops(anomaly: Mapping[str, Any]) -> bool:
    """Whether the check step ends the run for it, see `components.check.core.examine`."""
    return anomaly["severity"] == "error" and anomaly["split"] != "validation"


def data_view(config: Config, outputs: Outputs, previous: str) -> Json:
    """Rows, columns, anomalies and drift; what is not there yet is left out."""
    view: Json = {}
    ingested = _place(outputs, "ingest", "report")
    if ingested is not None:
        report = _read(ingested / "ingest.json") or {}
        view["ingest"] = report
        view["splits"] = report.get("rows", {})
        view["unlabelled"] = report.get("unlabelled", 0)
        view["bad_rows"] = report.get("bad", 0)
        letters = ingested / "dead_letter.jsonl"
        lines = letters.read_text().splitlines()[:_DEAD_LETTERS] if letters.is_file() else []
        view["dead_letter"] = [json.loads(line) for line in lines]
    place = _place(outputs, "statistics", "statistics")
    if place is None:
        return view
    statistics = {split: found for split in _SPLITS if (found := read_statistics(place, split)) is not None}
    view["columns"] = columns(statistics, _kinds(config))
    found_in = _place(outputs, "validator", "anomalies")
    if found_in is not None:
        anomalies = {
            split: found for split in _SPLITS if (found := read_anomalies(found_in, split)) is not None
        }
        before = read_statistics(previous, "train") if previous else None
        findings = examine(
            anomalies,
            statistics,
            before,
            config.check.model_dump(mode="json"),
            config.label.column,
            config.data.time_column or "",
        )
        view |= {
            "anomalies": [{**entry, "stops": _stops(entry)} for entry in findings.anomalies],
            "drift": list(findings.drift),
            "warnings": list(findings.warnings),
        }
    return view


def metrics_view(outputs: Outputs) -> Json | None:
    """Metrics of candidate, baseline and prior, or `None` before the evaluation."""
    evaluation, scores = _place(outputs, "evaluate", "evaluation"), _place(outputs, "score", "scores")
    if evaluation is None or scores is None:
        return None
    try:
        metrics = read_metrics(str(evaluation))
    except TandemError:
        return None
    score = _read(scores / "score.json") or {}
    return {
        **metrics,
        "prior": score.get("prior", {}),
        **{name: score.get(name) for name in sorted(CHANGE_METRICS)},
    }


def training_view(outputs: Outputs) -> Json | None:
    """History and summary of training, or `None` before it."""
    place = _place(outputs, "train", "model_run")
    if place is None:
        return None
    training = _read(place / "training.json") or {}
    if training.pop("prior", None) is not None:
        # Of sequences: lists as long as the vocabularies, which no page shows.
        training["feature_spec"] = _without_units(training.get("feature_spec"))
    return {**training, "history": _read(place / "history.json") or []}


def group_view(outputs: Outputs) -> Json | None:
    """How the replicas of a group went, or `None` for a single training."""
    place = _place(outputs, "train", "model_run")
    found = _read(place / OUTCOME) if place is not None else None
    return found if isinstance(found, dict) else None


def _without_units(features: Any) -> Json:
    """A specification of sequences with the number of its units in place of the units themselves."""
    found = dict(features or {})
    for side in ("source", "target"):
        if isinstance(found.get(side), dict):
            found[side] = {**found[side], "units": len(found[side].get("units", ()))}
    return found


def sequences_view(score: Json, training: Json | None) -> Json | None:
    """What scoring tells of sequences, with the kinds of their units; `None` for other tasks."""
    if "samples" not in score:
        return None
    features = (training or {}).get("feature_spec") or {}
    kinds = {side: (features.get(side) or {}).get("kind") for side in ("source", "target")}
    return {"kinds": kinds, **{name: score[name] for name in _SEQUENCES if name in score}}


def _size(place: Path | None) -> int | None:
    if place is None or not place.exists():
        return None
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())


def view(
    config: Config, config_text: str, root: Root, outputs: Outputs, summary: Json, previous: str
) -> Json:
    """The whole view; parts of steps that did not run are absent or `None`."""
    blessing = _place(outputs, "gate", "blessing")
    gate = _read(blessing / "gate.json") if blessing else None
    scores = _place(outputs, "score", "scores")
    score = (_read(scores / "score.json") or {}) if scores else {}
    model = _place(outputs, "train", "model")
    baseline = (gate or {}).get("baseline", {})
    is_prior = bool(baseline.get("is_prior"))
    metrics = metrics_view(outputs)
    training = training_view(outputs)
    sequences, group = sequences_view(score, training), group_view(outputs)
    calibration = score.get("calibration")
    if calibration and is_prior:
        calibration = {"candidate": calibration["candidate"]}
    return {
        "summary": summary,
        "config_text": config_text,
        "data": data_view(config, outputs, previous),
        "training": training,
        "metrics": metrics
        and {
            **metrics,
            "baseline_is_prior": is_prior,
            "baseline_problem": baseline.get("unreadable") or baseline.get("incomparable") or "",
        },
        "calibration": calibration,
        **({"sequences": sequences} if sequences else {}),
        **({"group": group} if group else {}),
        "gate": gate,
        "dry_run": gate.get("dry_run") if gate else None,
        "lineage": {
            "digest": gate.get("model_digest") if gate else None,
            "baseline_digest": baseline.get("model_digest") or None,
            "versions": all_library_versions(),
            "artifacts": [
                {"step": step, "name": name, "uri": root.relative(uri)}
                for step, made in outputs.items()
                for name, uri in made.items()
            ],
        },
        "sizes": {
            "model_bytes": _size(model / "Format-Serving" if model else None),
            "examples_bytes": _size(_place(outputs, "ingest", "examples")),
            "transformed_examples_bytes": _size(_place(outputs, "transform", "transformed_examples")),
        },
    }
