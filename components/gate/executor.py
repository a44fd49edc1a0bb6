"""Gathers what the gate decides on, and writes the blessing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from absl import logging
from tfx.components.evaluator import constants
from tfx.utils import path_utils

from components.adapter import Artifacts, directory, only
from components.adapter import Executor as BaseExecutor
from components.evaluate.metrics import read_metrics
from components.gate.decision import decide
from components.gate.dry_run import dry_run
from components.gate.report import FILE_NAME, explain, to_json
from components.gate.rules import CHANGE_METRICS
from trainer import export
from trainer.storage import write_atomic, write_json

_WAY_ON = (
    "To replace it without this comparison, leave the rules with better_than: baseline, churn or "
    "decisions_flipped out for one run (--set gate.rules=[...]); or give the new model another name."
)


class Executor(BaseExecutor):
    """Reads `model`, `model_run`, `baseline_model`, `evaluation` and `scores`; writes `blessing`."""

    def run(self, inputs: Artifacts, outputs: Artifacts, properties: Mapping[str, Any]) -> None:
        """Decides; whatever cannot be gathered becomes a reason for not blessed."""
        problems: list[str] = []
        model, baseline = only(inputs, "model"), only(inputs, "baseline_model")
        model_dir = Path(path_utils.serving_model_path(model.uri))
        digest = _gather(problems, "the digest of the model", lambda: export.digest(model_dir)) or ""
        metrics = _gather(problems, "the metrics", lambda: read_metrics(only(inputs, "evaluation").uri)) or {}
        score = (
            _gather(problems, "the scores", lambda: _read(directory(inputs, "scores") / "score.json")) or {}
        )
        answers, problem = dry_run(
            model_dir, directory(inputs, "model_run"), float(properties.get("timeout_seconds") or 900)
        )
        is_prior = baseline.get_int_custom_property("is_prior") == 1
        baseline_digest = baseline.get_string_custom_property("model_digest")
        unreadable = baseline.get_string_custom_property("unreadable")
        incomparable = baseline.get_string_custom_property("incomparable")
        baseline_problem = ""
        if problem:
            problems.append(problem)
        if answers is not None and answers.get("model_digest", digest) != digest:
            problems.append("the dry run answered with another model")
        if unreadable:
            baseline_problem = f"the blessed model cannot be read: {unreadable}"
            problems.append(baseline_problem)
        elif incomparable:
            baseline_problem = f"the blessed model cannot be compared: {incomparable}. {_WAY_ON}"
        if score and score.get("baseline_digest") != baseline_digest:
            problems.append("the scores are of another baseline")
        decision = decide(
            {**metrics, "prior": score.get("prior")},
            json.loads(properties["gate"]).get("rules"),
            dry_run=answers,
            tolerance=json.loads(properties["push"])["equality_tolerance"],
            min_slice_size=json.loads(properties["evaluate"])["min_slice_size"],
            baseline_is_prior=is_prior,
            baseline_problem=baseline_problem,
            candidate_is_baseline=bool(digest) and baseline_digest == digest,
            extra={**{name: score.get(name) for name in sorted(CHANGE_METRICS)}, **_quantisation(score)},
            problems=problems,
        )
        about = {
            "is_prior": is_prior,
            "version": baseline.get_int_custom_property("version"),
            "model_digest": baseline_digest,
            "unreadable": unreadable,
            "incomparable": incomparable,
        }
        gate = to_json(decision, digest, metrics, answers, about)
        logging.info("%s", explain(gate))
        write_json(directory(outputs, "blessing") / FILE_NAME, gate)
        marker = constants.BLESSED_FILE_NAME if decision.blessed else constants.NOT_BLESSED_FILE_NAME
        write_atomic(directory(outputs, "blessing") / marker, "")
        blessing = only(outputs, "blessing")
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(decision.blessed))
        blessing.set_string_custom_property("model_digest", digest)
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)


def _gather(problems: list[str], what: str, get: Callable[[], Any]) -> Any:
    try:
        return get()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, the gate stays shut and says why
        logging.exception("The gate could not read %s.", what)
        problems.append(f"{what} cannot be read: {type(error).__name__}: {error}")
        return None


def _quantisation(score: Mapping[str, Any]) -> dict[str, Any]:
    """What int8 weights changed, where the candidate has them: `int8_wer_change` and the like."""
    found = score.get("quantisation")
    changes = found.get("changes") if isinstance(found, Mapping) else None
    return dict(changes) if isinstance(changes, Mapping) else {}


def _read(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping in {path}")
    return value
