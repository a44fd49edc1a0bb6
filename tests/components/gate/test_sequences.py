"""Baseline and gate of sequences: the prior as a model, and rules on texts and on int8 weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types  # isort: skip
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import standard_artifacts

from components.baseline.component import Baseline
from components.baseline.files import FEATURES, PRIOR
from components.gate.component import Gate
from components.push.push import push
from tests.trainer import text_graph
from trainer import export
from trainer.errors import TandemError
from trainer.export.sequence.prior import export_sequence_prior, fit_prior
from trainer.storage import write_json

SPEC = text_graph.seq2seq()
PRIOR_JSON = fit_prior(SPEC, [])
ANSWERS = {"max_abs_difference": 0.0, "requests": 3, "latency_ms": {"p50": 1.0, "p99": 2.0}}


def artifact(kind: Any, uri: Path) -> types.Artifact:
    made = kind()
    made.uri = str(uri)
    made.id = 7
    uri.mkdir(parents=True, exist_ok=True)
    return made


def execute(
    component: Any, inputs: dict[str, types.Artifact], output: types.Artifact, **properties: Any
) -> None:
    executor = component.EXECUTOR_SPEC.executor_class(BaseExecutor.Context(pipeline_run_id="run-1"))
    (name,) = component.SPEC_CLASS.OUTPUTS
    executor.Do({key: [value] for key, value in inputs.items()}, {name: [output]}, properties)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, types.Artifact]:
    """A run on sequences whose model is a prior itself."""
    root = tmp_path_factory.mktemp("trained")
    graph = text_graph.write(root / "graph", SPEC)
    model = root / "model" / "Format-Serving"
    export_sequence_prior(model, SPEC, PRIOR_JSON, graph)
    write_json(model / FEATURES, SPEC.to_json())
    made = {
        "model": artifact(standard_artifacts.Model, root / "model"),
        "model_run": artifact(standard_artifacts.ModelRun, root / "run"),
        "transform_graph": artifact(standard_artifacts.TransformGraph, graph),
    }
    write_json(root / "run" / "training.json", {"feature_spec": SPEC.to_json(), "prior": PRIOR_JSON})
    return made


def baseline_of(trained: dict[str, types.Artifact], root: Path, number: int) -> types.Artifact:
    made = artifact(standard_artifacts.Model, root / f"baseline-{number}")
    inputs = {name: trained[name] for name in ("model_run", "transform_graph")}
    places = {"serving_root": str(root / "serving"), "registry_root": str(root / "registry")}
    execute(Baseline, inputs, made, name="demo", **places)
    return made


def answers(model: Path) -> set[str]:
    example = tf.train.Example()
    example.features.feature["word"].bytes_list.value.append(b"cat")
    signature = tf.saved_model.load(str(model)).signatures["serving_default"]
    return set(signature(examples=tf.constant([example.SerializeToString()])))


def test_the_prior_stands_in_and_then_beside_the_blessed_model(
    trained: dict[str, types.Artifact], tmp_path: Path
) -> None:
    outputs = {"texts", "scores", "log_probabilities", "status"}
    first = baseline_of(trained, tmp_path, 1)
    assert first.get_int_custom_property("is_prior") == 1
    for directory in ("Format-Serving", PRIOR):
        assert answers(Path(first.uri) / directory) == outputs
    model = Path(trained["model"].uri) / "Format-Serving"
    blessing = {"blessed": True, "model_digest": export.digest(model), "baseline": {"version": 0}}
    push(model, blessing, tmp_path / "serving", "demo", tmp_path / "registry", "run-1")
    second = baseline_of(trained, tmp_path, 2)
    assert second.get_string_custom_property("incomparable") == ""
    assert second.get_int_custom_property("is_prior") == 0
    assert (Path(second.uri) / "Format-Serving" / FEATURES).is_file()
    assert answers(Path(second.uri) / PRIOR) == outputs


def test_a_prior_that_is_absent_from_the_summary_is_an_error(
    trained: dict[str, types.Artifact], tmp_path: Path
) -> None:
    run = artifact(standard_artifacts.ModelRun, tmp_path / "run")
    write_json(tmp_path / "run" / "training.json", {"feature_spec": SPEC.to_json()})
    with pytest.raises(TandemError, match="BASELINE-001"):
        baseline_of({**trained, "model_run": run}, tmp_path, 1)


def test_rules_decide_on_texts_and_on_what_int8_changed(
    trained: dict[str, types.Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = baseline_of(trained, tmp_path, 1)
    scores = artifact(standard_artifacts.Examples, tmp_path / "scores")
    evaluation = artifact(standard_artifacts.ModelEvaluation, tmp_path / "evaluation")
    score = {
        "baseline_digest": "",
        "prior": {"wer": 0.95, "bleu": 10.0},
        "quantisation": {"changes": {"int8_wer_change": 0.002, "int8_size_ratio": 0.27}},
    }
    write_json(tmp_path / "scores" / "score.json", score)
    metrics = {"candidate": {"overall": {"wer": 0.3, "bleu": 70.0}}, "baseline": {}}
    monkeypatch.setattr("components.gate.executor.dry_run", lambda *_: (dict(ANSWERS), ""))
    monkeypatch.setattr("components.gate.executor.read_metrics", lambda _: metrics)

    def decide(*rules: dict[str, Any]) -> dict[str, Any]:
        output = artifact(
            standard_artifacts.ModelBlessing, tmp_path / f"blessing-{len(list(tmp_path.iterdir()))}"
        )
        inputs = {name: trained[name] for name in ("model", "model_run")}
        execute(
            Gate,
            {**inputs, "baseline_model": baseline, "scores": scores, "evaluation": evaluation},
            output,
            gate=json.dumps({"rules": rules}),
            evaluate=json.dumps({"min_slice_size": 100}),
            push=json.dumps({"equality_tolerance": 1e-6}),
        )
        found: dict[str, Any] = json.loads((Path(output.uri) / "gate.json").read_text())
        return found

    better = [
        {"metric": "wer", "better_than": "prior", "by_at_least": 0.3},
        {"metric": "bleu", "better_than": "prior", "by_at_least": 30.0},
        {"metric": "int8_wer_change", "max": 0.005},
        {"metric": "int8_size_ratio", "max": 0.3},
    ]
    assert decide(*better)["reasons"] == []
    reasons = decide({"metric": "int8_wer_change", "max": 0.001}, {"metric": "int8_speed_ratio", "min": 1.0})[
        "reasons"
    ]
    assert reasons == [
        "int8_wer_change <= 0.001 (overall): 0.002 <= 0.001 does not hold",
        "int8_speed_ratio >= 1 (overall): int8_speed_ratio is missing",
    ]
    worse = decide({"metric": "wer", "better_than": "prior", "by_at_least": 0.7})["reasons"]
    assert worse == ["wer better than prior by at least 0.7 (overall): 0.3 <= 0.25 does not hold"]
