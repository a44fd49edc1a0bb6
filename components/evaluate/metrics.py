"""Reads what the Evaluator wrote into plain dictionaries for the gate and the report."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluate.config import BASELINE, CANDIDATE
from trainer.errors import TandemError


def _slice_of(key: metrics_for_slice_pb2.SliceKey) -> dict[str, str]:
    values = {}
    for single in key.single_slice_keys:
        kind = single.WhichOneof("kind")
        value = getattr(single, kind)
        # Different values must have different texts: the gate finds the baseline's slice by its text.
        if kind == "bytes_value":
            values[single.column] = value.decode("utf-8", "backslashreplace")
        else:
            values[single.column] = str(np.float32(value) if kind == "float_value" else value)
    return values


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read_metrics(evaluation_uri: str) -> dict[str, Any]:
    """Metrics of both models.

    Args:
        evaluation_uri: directory of the Evaluator's `evaluation` artifact.

    Returns:
        `{"candidate": {"overall", "slices", "confidence"}, "baseline": ...}`; a value that is not finite is
        `None`; `confidence` is `{"lower": {name: value}, "upper": ...}` where asked for; each slice is
        `{"slice": {column: value}, "count", "metrics", "confidence"}`, ordered by slice.

    Raises:
        TandemError: `EVAL-001` if there are no readable metrics.
    """
    result: dict[str, Any] = {
        name: {"overall": {}, "confidence": {}, "slices": []} for name in (CANDIDATE, BASELINE)
    }
    try:
        records = list(tfma.load_metrics(evaluation_uri))
    except Exception as error:
        raise TandemError(
            "EVAL-001",
            f"Expected metrics of the evaluation. Received: {type(error).__name__}: {error}",
            "Run the pipeline again; the evaluate step is repeated.",
        ) from error
    for record in records:
        where = _slice_of(record.slice_key)
        values: dict[str, dict[str, float | None]] = {CANDIDATE: {}, BASELINE: {}}
        bounds: dict[str, dict[str, Any]] = {CANDIDATE: {}, BASELINE: {}}
        for item in record.metric_keys_and_values:
            key = item.key
            if key.is_diff or key.model_name not in values:
                continue
            values[key.model_name][key.name] = _number(item.value.double_value.value)
            # The number of rows differs between resamples but is known.
            if item.HasField("confidence_interval") and key.name != "example_count":
                interval = item.confidence_interval
                for side, bound in (("lower", interval.lower_bound), ("upper", interval.upper_bound)):
                    bounds[key.model_name].setdefault(side, {})[key.name] = _number(bound.double_value.value)
        for name in (CANDIDATE, BASELINE):
            if not where:
                result[name]["overall"] = values[name]
                result[name]["confidence"] = bounds[name]
            elif values[name]:
                result[name]["slices"].append(
                    {
                        "slice": where,
                        "count": values[name].get("example_count"),
                        "metrics": values[name],
                        "confidence": bounds[name],
                    }
                )
    for name in (CANDIDATE, BASELINE):
        result[name]["slices"].sort(key=lambda entry: sorted(entry["slice"].items()))
    return result
