"""Baseline, gate and push as TFX components, on a real SavedModel."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tfx import types  # isort: skip
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import standard_artifacts

from components.baseline.component import Baseline
from components.gate.component import Gate
from components.push.component import Push
from components.push.registry import newest_blessed, served_version
from components.push.rollback import rollback
from trainer import export, warm_start
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.spec import FeatureSpec

FEATURES = FeatureSpec(task="binary", num_classes=1, classes=("no", "yes"), raw={"origin": "string"})
RULES = {"rules": [{"metric": "auc", "min": 0.7}, {"metric": "auc", "better_than": "baseline"}]}

ANSWERS = {"max_abs_difference": 0.0, "requests": 3, "latency_ms": {"p50": 1.0, "p99": 2.0}}


def artifact(kind, uri: Path):
    made = kind()
    made.uri = str(uri)
    made.id = 7
    uri.mkdir(parents=True, exist_ok=True)
    return made


def execute(component, inputs, output, run_id="run-1", **properties):
    """Runs the executor of a component class on one output artifact."""
    context = BaseExecutor.Context(pipeline_run_id=run_id)
    executor = component.EXECUTOR_SPEC.executor_class(context)
    (name,) = component.SPEC_CLASS.OUTPUTS
    executor.Do({key: [value] for key, value in inputs.items()}, {name: [output]}, properties)
    return output


def labels(positives: float) -> LabelStatistics:
    return LabelStatistics(
        100, 100.0, positives, positives * (1 - positives), (100 * (1 - positives), 100 * positives)
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that predicts 0.3, with its run: training summary and recorded requests."""
    root = tmp_path_factory.mktemp("trained")
    model = artifact(standard_artifacts.Model, root / "model")
    export.export_prior(root / "model" / "Format-Serving", FEATURES, labels(0.3))
    state = warm_start.WarmState("binary", FEATURES.classes, (), warm_start.Inputs(), (), (), {}, {})
    warm_start.write(root / "model" / "Format-Serving" / warm_start.FILE, state)
    run = artifact(standard_artifacts.ModelRun, root / "run")
    statistics = {**labels(0.2).to_json(), "class_fractions": [0.8, 0.2]}
    summary = {"feature_spec": FEATURES.to_json(), "label_statistics": statistics}
    (root / "run" / "training.json").write_text(json.dumps(summary))
    rows = [
        tf.train.Example(
            features={"feature": {"origin": {"bytes_list": {"value": [name]}}}}
        ).SerializeToString()
        if name
        else tf.train.Example().SerializeToString()
        for name in (b"JFK", b"", b"LGA")
    ]
    with tf.io.TFRecordWriter(str(root / "run" / "requests.tfrecord")) as writer:
        for row in rows:
            writer.write(row)
    loaded = tf.saved_model.load(str(root / "model" / "Format-Serving"))
    answers = loaded.signatures["serving_default"](examples=tf.constant(rows))
    arrays = {
        f"outputs/{name}": value.numpy() for name, value in answers.items() if value.dtype == tf.float32
    }
    np.savez(root / "run" / "expected.npz", **arrays, scale=np.float64(1.0))
    return {"model": model, "model_run": run}


@pytest.fixture
def roots(tmp_path):
    return {
        "serving_root": str(tmp_path / "serving"),
        "registry_root": str(tmp_path / "registry"),
        "name": "demo",
    }


@pytest.fixture
def gate(trained, roots, tmp_path, monkeypatch):
    """Runs baseline and gate; `metrics` stands for what the Evaluator found, `None` for no metrics.

    The first run makes the real dry run, which takes seconds; the others are given an answer like it.
    """

    def run(number: int, metrics: dict | None, score: dict, real_dry_run: bool = False, **changed):
        baseline = execute(
            Baseline,
            {"model_run": changed.get("model_run", trained["model_run"])},
            artifact(standard_artifacts.Model, tmp_path / f"baseline-{number}"),
            **roots,
        )
        scores = artifact(standard_artifacts.Examples, tmp_path / f"scores-{number}")
        evaluation = artifact(standard_artifacts.ModelEvaluation, tmp_path / f"evaluation-{number}")
        (Path(evaluation.uri) / "metrics-00000-of-00001.tfrecord").write_bytes(b"no record" * 9)
        named = {"baseline_digest": baseline.get_string_custom_property("model_digest")}
        (Path(scores.uri) / "score.json").write_text(json.dumps({**named, **score}))
        with monkeypatch.context() as patch:
            if not real_dry_run:
                patch.setattr("components.gate.executor.dry_run", lambda *_: (dict(ANSWERS), ""))
            if metrics is not None:
                patch.setattr("components.gate.executor.read_metrics", lambda _: metrics)
            blessing = execute(
                Gate,
                {
                    **trained,
                    "baseline_model": baseline,
                    "scores": scores,
                    "evaluation": evaluation,
                },
                artifact(standard_artifacts.ModelBlessing, tmp_path / f"blessing-{number}"),
                gate=json.dumps(RULES),
                evaluate=json.dumps({"min_slice_size": 100}),
                push=json.dumps({"equality_tolerance": 1e-6}),
            )
        return baseline, blessing, json.loads((Path(blessing.uri) / "gate.json").read_text())

    return run


def test_from_the_first_push_to_a_rollback(trained, gate, roots, tmp_path):
    metrics = {"candidate": {"overall": {"auc": 0.75}}, "baseline": {"overall": {"auc": 0.5}}}
    score = {"prior": {"auc": 0.5}, "churn": 0.0}
    serving, registry = Path(roots["serving_root"]), Path(roots["registry_root"])

    def push(number, blessing, run_id="run-1", **properties):
        output = artifact(standard_artifacts.PushedModel, tmp_path / f"pushed-{number}")
        inputs = {"model": trained["model"], "blessing": blessing}
        return execute(Push, inputs, output, run_id, **roots, **properties)

    baseline, blessing, decision = gate(1, metrics, score, real_dry_run=True)
    assert baseline.get_int_custom_property("is_prior") == 1
    loaded = tf.saved_model.load(str(Path(baseline.uri) / "Format-Serving"))
    answer = loaded.signatures["serving_default"](examples=tf.constant([b""]))["probabilities"]
    assert answer.numpy()[0, 0] == pytest.approx(20.5 / 101, abs=1e-6)
    assert [verdict["verdict"] for verdict in decision["verdicts"]] == ["pass", "skipped", "pass"]
    nothing = {"unreadable": "", "incomparable": ""}
    assert decision["baseline"] == {"is_prior": True, "version": 0, "model_digest": "", **nothing}
    assert decision["model_digest"] == export.digest(Path(trained["model"].uri) / "Format-Serving")
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("model_digest") == decision["model_digest"]
    assert (Path(blessing.uri) / "BLESSED").exists()

    pushed = push(1, blessing)
    assert [pushed.get_int_custom_property(key) for key in ("pushed", "pushed_version", "created")] == [
        1,
        1,
        1,
    ]
    assert pushed.get_string_custom_property("pushed_destination") == str(serving / "demo" / "1")
    tf.saved_model.load(str(serving / "demo" / "1"))
    assert newest_blessed(serving, "demo", registry).metrics == {"auc": 0.75, **decision["metrics"]}

    baseline, blessing, decision = gate(2, metrics, score)
    assert [baseline.get_int_custom_property(key) for key in ("is_prior", "version")] == [0, 1]
    digest = export.digest(Path(baseline.uri) / "Format-Serving")
    assert digest == decision["model_digest"]
    assert decision["baseline"] == {"is_prior": False, "version": 1, "model_digest": digest, **nothing}
    assert "the blessed model itself" in decision["verdicts"][1]["reason"]
    again = push(2, blessing, "run-2")
    assert [again.get_int_custom_property(key) for key in ("pushed", "pushed_version", "created")] == [
        1,
        1,
        0,
    ]

    other = tmp_path / "other"
    export.export_prior(other, FEATURES, labels(0.4))
    older = serving / "demo" / "1"
    shutil.copytree(older, tmp_path / "kept")
    from components.push.push import push as push_directory

    bless = {"blessed": True, "model_digest": export.digest(other), "baseline": {"version": 1}}
    assert push_directory(other, bless, serving, "demo", registry, "run-3").version == 2
    assert rollback(serving, "demo", registry).served == 1
    assert served_version(serving, "demo") == 1
    assert push_directory(other, bless, serving, "demo", registry, "run-4").pushed is False


def test_nothing_is_pushed_when_the_gate_cannot_read_its_inputs(trained, gate, roots, tmp_path):
    _, blessing, decision = gate(1, None, {"baseline_digest": "another"})
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "NOT_BLESSED").exists()
    said = "\n".join(decision["reasons"])
    for part in (
        "the metrics cannot be read: TandemError: EVAL-001",
        "scores are of another baseline",
        "auc is missing",
    ):
        assert part in said
    pushed = execute(
        Push,
        {"model": trained["model"], "blessing": blessing},
        artifact(standard_artifacts.PushedModel, tmp_path / "pushed"),
        **roots,
    )
    assert pushed.get_int_custom_property("pushed") == 0
    assert "not blessed" in pushed.get_string_custom_property("reason")
    assert not Path(roots["serving_root"]).exists()


def test_a_damaged_blessed_model_shuts_the_gate(gate, tmp_path):
    metrics = {"candidate": {"overall": {"auc": 0.75}}, "baseline": {"overall": {"auc": 0.5}}}
    (tmp_path / "serving" / "demo" / "3").mkdir(parents=True)
    baseline, blessing, decision = gate(1, metrics, {"prior": {"auc": 0.5}})
    assert "PUSH-004" in baseline.get_string_custom_property("unreadable")
    assert blessing.get_int_custom_property("blessed") == 0
    assert len(decision["reasons"]) == 2
    for reason, rule in zip(
        decision["reasons"], ("inputs are complete", "better than baseline"), strict=True
    ):
        assert rule in reason
        assert "the blessed model cannot be read: PUSH-004" in reason
    assert "PUSH-004" in decision["baseline"]["unreadable"]


def test_a_blessed_model_with_other_inputs_counts_as_not_beaten(trained, gate, roots, tmp_path):
    metrics = {"candidate": {"overall": {"auc": 0.75}}, "baseline": {"overall": {"auc": 0.5}}}
    score = {"prior": {"auc": 0.5}, "churn": 0.0}
    _, blessing, _ = gate(1, metrics, score)
    pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    execute(Push, {"model": trained["model"], "blessing": blessing}, pushed, **roots)
    run = artifact(standard_artifacts.ModelRun, tmp_path / "run")
    summary = json.loads((Path(trained["model_run"].uri) / "training.json").read_text())
    summary["feature_spec"]["raw"] = {"carrier": "string"}
    (tmp_path / "run" / "training.json").write_text(json.dumps(summary))
    _, blessing, decision = gate(2, metrics, score, model_run=run)
    assert blessing.get_int_custom_property("blessed") == 0
    assert [verdict["verdict"] for verdict in decision["verdicts"]] == ["pass", "fail", "pass"]
    why = "version 1 takes the column origin (string), which the candidate does not take"
    (reason,) = decision["reasons"]
    assert f"the blessed model cannot be compared: {why}. " in reason
    assert "--set gate.rules=" in reason
    # The version is that which a push would replace, whatever the rules.
    told = {"is_prior": True, "version": 1, "model_digest": "", "unreadable": "", "incomparable": why}
    assert decision["baseline"] == told


@pytest.mark.parametrize("marked", [0, 1])
def test_a_blessing_whose_file_and_mark_differ_is_an_error(trained, roots, tmp_path, marked):
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", marked)
    output = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    for text in (None, "{", json.dumps({"blessed": not marked, "model_digest": "d"})):
        if text is not None:
            (Path(blessing.uri) / "gate.json").write_text(text)
        with pytest.raises(TandemError) as caught:
            execute(Push, {"model": trained["model"], "blessing": blessing}, output, **roots)
        assert caught.value.code == "PUSH-001"


def test_a_training_summary_that_cannot_be_read_is_an_error(roots, tmp_path):
    run = artifact(standard_artifacts.ModelRun, tmp_path / "run")
    output = artifact(standard_artifacts.Model, tmp_path / "model")
    for text in (None, "{", "[]", json.dumps({"feature_spec": {}, "label_statistics": {}})):
        if text is not None:
            (tmp_path / "run" / "training.json").write_text(text)
        with pytest.raises(TandemError) as caught:
            execute(Baseline, {"model_run": run}, output, **roots)
        assert caught.value.code == "BASELINE-001"


def test_components_are_made_from_channels_and_texts():
    def channel(kind):
        return types.Channel(type=kind)

    model, run = channel(standard_artifacts.Model), channel(standard_artifacts.ModelRun)
    roots = {"serving_root": "s", "registry_root": "r", "name": "demo"}
    baseline = Baseline(model_run=run, registry_state="none", **roots)
    gate = Gate(
        model=model,
        model_run=run,
        baseline_model=baseline.outputs["baseline_model"],
        evaluation=channel(standard_artifacts.ModelEvaluation),
        scores=channel(standard_artifacts.Examples),
        gate="{}",
        evaluate="{}",
        push="{}",
    )
    push = Push(model=model, blessing=gate.outputs["blessing"], registry_state="1.live", **roots)
    assert baseline.exec_properties["registry_state"] == "none"
    assert push.exec_properties["registry_state"] == "1.live"
    assert push.outputs["pushed_model"].type is standard_artifacts.PushedModel
