"""The TFMA configuration of the stock Evaluator: candidate and baseline by their scored predictions."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

CANDIDATE = "candidate"
BASELINE = "baseline"
REFERENCES = "references:count"
"""Column of scored sequences that stands where other tasks have the label: their vectors tell it all."""

SEQUENCE_TASKS = ("seq2seq", "language_model")


def prediction_key(model: str) -> str:
    """Column of the scored examples with the predictions of a model; no data column has such a name."""
    return f"prediction:{model}"


def eval_config(
    task: str,
    label: str,
    slices: list[list[str]],
    weight_column: str | None = None,
    confidence_intervals: bool = False,
) -> tfma.EvalConfig:
    """Metrics of both models, overall and by slice.

    Args:
        task: `binary`, `multiclass`, `regression`, `seq2seq` or `language_model`.
        label: name of the label column; sequences have `REFERENCES` in its place.
        slices: column names of each slicing; overall metrics are always there.
        weight_column: name of the weight column. Defaults to `None`: every row counts 1.
        confidence_intervals: 95% Poisson bootstrap intervals. Defaults to `False`.

    Returns:
        The configuration; models are told apart by name, predictions are columns of that name.
    """
    models = [
        tfma.ModelSpec(
            name=name,
            label_key=REFERENCES if task in SEQUENCE_TASKS else label,
            prediction_key=prediction_key(name),
            example_weight_key=weight_column or "",
            is_baseline=name == BASELINE,
        )
        for name in (CANDIDATE, BASELINE)
    ]
    metric = tfma.MetricConfig(
        class_name="TaskMetrics",
        module="components.evaluate.tfma_metrics",
        config=json.dumps({"task": task}),
    )
    options = config_pb2.Options()
    options.compute_confidence_intervals.value = confidence_intervals
    if confidence_intervals:
        options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP
    return tfma.EvalConfig(
        model_specs=models,
        slicing_specs=[tfma.SlicingSpec()] + [tfma.SlicingSpec(feature_keys=keys) for keys in slices],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[metric],
                model_names=[CANDIDATE, BASELINE],
                **(
                    {"example_weights": config_pb2.ExampleWeightOptions(weighted=True)}
                    if weight_column
                    else {}
                ),
            )
        ],
        options=options,
    )
