"""What is exported answers raw requests as the training path does."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.export import (
    HeadParameters,
    TransformGraph,
    build_server,
    export_model,
    export_prior,
    safe_names,
    write_requests,
)
from trainer.export.dry_run import dry_run, main
from trainer.export.requests import read_requests

TASKS = ["binary", "multiclass", "regression"]
LABELS = {
    "binary": LabelStatistics(10, 10.0, 0.3, 0.21, (7.0, 3.0)),
    "multiclass": LabelStatistics(10, 10.0, 0.0, 0.0, (5.0, 3.0, 2.0)),
    "regression": LabelStatistics(10, 10.0, 1000.0, 25.0, ()),
}
PARAMETERS = HeadParameters(1.5, -0.25, 1000.0, 5.0)


def signature_names(model_dir: Path) -> dict[str, tuple[set[str], set[str]]]:
    saved = saved_model_pb2.SavedModel.FromString((model_dir / "saved_model.pb").read_bytes())
    return {
        name: (set(signature.inputs), set(signature.outputs))
        for name, signature in saved.meta_graphs[0].signature_def.items()
        if not name.startswith("__")
    }


def dense_inputs(rows: list[dict[str, Any]], names: dict[str, str]) -> dict[str, tf.Tensor]:
    missing = {"carrier": b"", "dep time": float("nan"), "class": -(2**63)}
    kinds = {"carrier": tf.string, "dep time": tf.float32, "class": tf.int64}
    return {names[n]: tf.constant([[(row[n] or [missing[n]])[0]] for row in rows], kinds[n]) for n in missing}


def rewrite_expected(run_dir: Path, outputs: dict[str, Any], scale: float) -> None:
    np.savez(run_dir / "expected.npz", **{f"outputs/{n}": v for n, v in outputs.items()}, scale=scale)


@pytest.fixture(scope="module", params=TASKS)
def exported(request: pytest.FixtureRequest, place: Any, make: Any, tmp_path_factory: Any) -> Any:
    """A task, its exported model (the transform graph it came from being gone) and its server."""
    root = tmp_path_factory.mktemp("exported")
    spec, model = make.features(request.param), make.trained(request.param)
    shutil.copytree(place.graph, root / "graph")
    export_model(root / "model", spec, model, root / "graph", PARAMETERS)
    shutil.rmtree(root / "graph")
    server = build_server(spec, model, TransformGraph(place.graph), PARAMETERS)
    return request.param, root / "model", server


def test_both_signatures_have_the_names_of_the_columns(exported: Any) -> None:
    task, model_dir, _ = exported
    outputs = {
        "binary": {"probabilities", "logits"},
        "multiclass": {"probabilities", "logits", "classes"},
        "regression": {"predictions"},
    }[task]
    assert signature_names(model_dir) == {
        "serving_default": ({"examples"}, outputs),
        "predict": ({"carrier", "dep time", "class"}, outputs),
    }


def test_every_row_gets_the_answer_of_the_training_path(exported: Any, place: Any, make: Any) -> None:
    task, model_dir, server = exported
    unlabelled = [{n: v for n, v in row.items() if n != "late"} for row in place.rows]
    examples = [make.serialize(row) for row in unlabelled]
    expected = server.predict_examples(tf.constant(examples), make.features(task).raw)
    loaded = tf.saved_model.load(str(model_dir))
    served = loaded.signatures["serving_default"](examples=tf.constant(examples))
    names = safe_names(make.features(task).raw)
    predicted = loaded.signatures["predict"](**dense_inputs(unlabelled, names))
    for answers in (served, predicted):
        assert set(answers) == set(expected)
        for name, value in expected.items():
            assert answers[name].shape == value.shape
            if value.dtype == tf.string:
                assert answers[name].numpy().tolist() == value.numpy().tolist()
            else:
                np.testing.assert_allclose(answers[name], value, atol=1e-6, rtol=1e-6)
    some = next(iter(expected.values())).numpy()
    assert np.ptp(some[:, 0].astype(float)) > 0.1 if task != "regression" else np.ptp(some) > 1


def test_the_answer_is_the_model_applied_to_what_the_trainer_read(
    exported: Any, place: Any, make: Any
) -> None:
    from trainer.data import open_split

    task, _, server = exported
    columns = open_split([place.transformed], make.features("binary")).columns
    assert columns is not None
    logits = (
        make.trained(task)({n: columns[n] for n in ("wide_ids", "deep_ids", "dense")}).numpy() * 1.5 - 0.25
    )
    examples = tf.constant([make.serialize(row) for row in place.rows])
    answers = server.predict_examples(examples, make.features(task).raw)
    if task == "regression":
        np.testing.assert_allclose(answers["predictions"], logits * 5.0 + 1000.0, rtol=1e-6)
    elif task == "binary":
        np.testing.assert_allclose(answers["probabilities"], 1 / (1 + np.exp(-logits)), atol=1e-6)
    else:
        odds = np.exp(logits - logits.max(1, keepdims=True))
        np.testing.assert_allclose(answers["probabilities"], odds / odds.sum(1, keepdims=True), atol=1e-6)
        best = [(b"red", b"green", b"blue")[index] for index in logits.argmax(1)]
        assert answers["classes"].numpy().tolist() == best


def test_vocabularies_are_inside_the_model(exported: Any, place: Any) -> None:
    _, model_dir, _ = exported
    inside = (model_dir / "assets" / "carrier").read_bytes()
    assert inside == (place.graph / "transform_fn" / "assets" / "carrier").read_bytes()
    assert b"AA" in inside


def test_a_retyped_or_dropped_column_is_refused(exported: Any, place: Any, make: Any) -> None:
    _, model_dir, _ = exported
    loaded = tf.saved_model.load(str(model_dir))
    retyped = make.serialize({"carrier": [1.5]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="carrier"):
        loaded.signatures["serving_default"](examples=tf.constant([retyped]))
    inputs = dense_inputs(place.rows[:2], safe_names(make.features().raw))
    for wrong in ({**inputs, "carrier": tf.constant([[1.0], [2.0]])}, {"carrier": inputs["carrier"]}):
        with pytest.raises((TypeError, tf.errors.InvalidArgumentError)):
            loaded.signatures["predict"](**wrong)


@pytest.mark.parametrize("task", TASKS)
def test_the_prior_has_the_same_signatures_and_predicts_the_constant(
    task: str, place: Any, make: Any, tmp_path: Path
) -> None:
    export_prior(tmp_path / "prior", make.features(task), LABELS[task])
    export_model(tmp_path / "model", make.features(task), make.trained(task), place.graph)
    assert signature_names(tmp_path / "prior") == signature_names(tmp_path / "model")
    loaded = tf.saved_model.load(str(tmp_path / "prior"))
    names = safe_names(make.features(task).raw)
    examples = tf.constant([make.serialize(row) for row in place.rows[:3]])
    for answers in (
        loaded.signatures["serving_default"](examples=examples),
        loaded.signatures["predict"](**dense_inputs(place.rows[:3], names)),
    ):
        if task == "binary":
            np.testing.assert_allclose(answers["probabilities"], [[3.5 / 11]] * 3, atol=1e-6)
        elif task == "multiclass":
            np.testing.assert_allclose(
                answers["probabilities"], [[5.5 / 11.5, 3.5 / 11.5, 2.5 / 11.5]] * 3, atol=1e-6
            )
            assert answers["classes"].numpy().tolist() == [b"red"] * 3
        else:
            np.testing.assert_allclose(answers["predictions"], [[1000.0]] * 3)


def test_a_transform_graph_that_does_not_fit_is_refused(place: Any, make: Any, tmp_path: Path) -> None:
    spec = dataclasses.replace(make.features(), raw={"carrier": "float", "unknown": "string"})
    with pytest.raises(TandemError, match="EXPORT-002") as raised:
        export_model(tmp_path / "model", spec, make.trained(), place.graph)
    assert "unknown" in str(raised.value)
    assert "carrier" in str(raised.value)
    with pytest.raises(TandemError, match="EXPORT-001"):
        export_model(tmp_path / "model", make.features(), make.trained(), tmp_path / "absent")
    assert not (tmp_path / "model").exists()


def test_an_unwritable_place_has_a_code_and_leaves_nothing(place: Any, make: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TandemError, match="EXPORT-004"):
        export_model(tmp_path / "file" / "model", make.features(), make.trained(), place.graph)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_recorded_requests_hold_raw_features_only_and_are_answered_alike(
    exported: Any, place: Any, make: Any, tmp_path: Path
) -> None:
    task, model_dir, server = exported
    assert write_requests(tmp_path, make.features(task), server, [place.raw], 100) == 100
    requests, outputs, scale = read_requests(tmp_path)
    names = {name for request in requests for name in tf.train.Example.FromString(request).features.feature}
    assert names == {"carrier", "dep time", "class"}
    assert all(len(value) == 100 for value in outputs.values())
    assert scale == (1005.0 if task == "regression" else 1.0)
    found = dry_run(model_dir, tmp_path, single_calls=20, batch_calls=5)
    assert found["requests"] == 100
    assert found["max_abs_difference"] <= 1e-6
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"]
    assert found["batch_latency_ms"]["size"] == 64
    shifted = {name: value + 0.5 * scale for name, value in outputs.items() if value.dtype == np.float32}
    rewrite_expected(tmp_path, {**outputs, **shifted}, scale)
    wrong = dry_run(model_dir, tmp_path, single_calls=1, batch_calls=1)
    assert wrong["max_abs_difference"] == pytest.approx(0.5, rel=1e-4)


def test_another_class_is_refused_unless_another_logit_is_the_greatest(
    place: Any, make: Any, tmp_path: Path
) -> None:
    spec, model = make.features("multiclass"), make.trained("multiclass")
    server = build_server(spec, model, TransformGraph(place.graph))
    write_requests(tmp_path, spec, server, [place.raw], 100)
    renamed = dataclasses.replace(spec, classes=("red", "blue", "green"))
    export_model(tmp_path / "renamed", renamed, model, place.graph)
    with pytest.raises(TandemError, match=r"EXPORT-008.*classes"):
        dry_run(tmp_path / "renamed", tmp_path, single_calls=1, batch_calls=1)
    # As near a tie: training saw another logit as the greatest, so the difference of the logits decides.
    export_model(tmp_path / "model", spec, model, place.graph)
    _, outputs, scale = read_requests(tmp_path)
    order = outputs["logits"][0].argsort()
    outputs["logits"][0, order[1]] = outputs["logits"][0, order[2]] + 1e-3
    outputs["classes"][0] = spec.classes[order[1]]
    rewrite_expected(tmp_path, outputs, scale)
    found = dry_run(tmp_path / "model", tmp_path, single_calls=1, batch_calls=1)
    assert found["max_abs_difference"] > 1e-3


def test_an_answer_that_was_not_finite_is_refused(place: Any, make: Any, tmp_path: Path) -> None:
    server = build_server(make.features(), make.trained(), TransformGraph(place.graph))
    write_requests(tmp_path, make.features(), server, [place.raw], 10)
    export_model(tmp_path / "model", make.features(), make.trained(), place.graph)
    _, outputs, scale = read_requests(tmp_path)
    outputs["probabilities"][3] = float("nan")
    rewrite_expected(tmp_path, outputs, scale)
    with pytest.raises(TandemError, match=r"EXPORT-008.*not finite"):
        dry_run(tmp_path / "model", tmp_path, single_calls=1, batch_calls=1)


def test_fewer_rows_than_requests_are_all_recorded(place: Any, make: Any, tmp_path: Path) -> None:
    server = build_server(make.features(), make.trained(), TransformGraph(place.graph))
    assert write_requests(tmp_path, make.features(), server, [place.raw], 100_000) == 300
    with pytest.raises(TandemError, match="EXPORT-009"):
        write_requests(tmp_path, make.features(), server, [], 10)


def test_the_dry_run_fails_with_a_code(place: Any, make: Any, tmp_path: Path) -> None:
    server = build_server(make.features(), make.trained(), TransformGraph(place.graph))
    write_requests(tmp_path / "requests", make.features(), server, [place.raw], 10)
    with pytest.raises(TandemError, match="EXPORT-005"):
        dry_run(tmp_path / "absent", tmp_path / "requests")
    export_prior(tmp_path / "prior", make.features("regression"), LABELS["regression"])
    with pytest.raises(TandemError, match="EXPORT-008"):
        dry_run(tmp_path / "prior", tmp_path / "requests")
    (tmp_path / "requests" / "expected.npz").write_bytes(b"PK")
    with pytest.raises(TandemError, match="EXPORT-007"):
        dry_run(tmp_path / "prior", tmp_path / "requests")
    out = tmp_path / "out.json"
    assert main(["dry_run", str(tmp_path / "prior"), str(tmp_path / "requests"), str(out)]) == 1
    assert main(["dry_run"]) == 2
    assert not out.exists()


def test_a_result_that_cannot_be_written_is_told_from_a_bad_model(
    place: Any, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = build_server(make.features(), make.trained(), TransformGraph(place.graph))
    write_requests(tmp_path, make.features(), server, [place.raw], 10)
    export_model(tmp_path / "model", make.features(), make.trained(), place.graph)
    for error in (OSError("no space"), RuntimeError("anything")):
        monkeypatch.setattr("trainer.export.dry_run.write_json", Mock(side_effect=error))
        arguments = ["dry_run", str(tmp_path / "model"), str(tmp_path), str(tmp_path / "out.json")]
        assert main(arguments) == os.EX_IOERR


def test_the_dry_run_writes_json(place: Any, make: Any, tmp_path: Path) -> None:
    server = build_server(make.features(), make.trained(), TransformGraph(place.graph))
    write_requests(tmp_path, make.features(), server, [place.raw], 10)
    export_model(tmp_path / "model", make.features(), make.trained(), place.graph)
    assert main(["dry_run", str(tmp_path / "model"), str(tmp_path), str(tmp_path / "out.json")]) == 0
    written = json.loads((tmp_path / "out.json").read_text())
    assert set(written) == {
        "requests", "max_abs_difference", "latency_ms", "batch_latency_ms", "load_seconds", "model_digest",
    }  # fmt: skip
