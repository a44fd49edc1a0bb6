"""What a pushed model answers is what the training-time model answers, for the columns it learned only."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

ROWS = 1000


@dataclasses.dataclass
class Served:
    """A pushed model, new rows for it and the answers that training gives to them."""

    task: str
    directory: Path
    model: Any
    frame: pd.DataFrame
    serialized: list[bytes]
    expected: dict[str, Any]


def training_answers(
    small: ModuleType, result: Any, serialized: list[bytes], weights: Path
) -> dict[str, Any]:
    """Rows through tensorflow-transform's own layer, the Keras model of the training and a head in NumPy.

    The weights are those that the training itself kept for a warm start; nothing is read from the SavedModel.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.models import build_wide_deep
    from trainer.spec import FeatureSpec, ModelSpec
    from trainer.warm_start.state import name_of, read

    told = json.loads((small.artifact(result, "train", "model_run") / "training.json").read_text())
    features = FeatureSpec.from_json(told["feature_spec"])
    kept = read(weights)
    deep = dataclasses.replace(ModelSpec().deep, hidden=(8,))
    model = build_wide_deep(features, dataclasses.replace(ModelSpec(), deep=deep), seed=99)
    for variable in model.trainable_variables:
        variable.assign(kept.weights[name_of(variable)])
    output = tft.TFTransformOutput(str(small.artifact(result, "transform", "transform_graph")))
    raw = {name: spec for name, spec in output.raw_feature_spec().items() if name in features.raw}
    columns = output.transform_features_layer()(tf.io.parse_example(serialized, raw))
    logits = model(
        {name: columns[name] for name in ("wide_ids", "deep_ids", "dense")}, training=False
    ).numpy()
    logits = logits.astype(np.float64) * told["calibration"]["scale"] + told["calibration"]["shift"]
    if features.task == "regression":
        labels = told["label_statistics"]
        return {"predictions": logits * np.sqrt(labels["variance"]) + labels["mean"]}
    if features.task == "binary":
        return {"logits": logits, "probabilities": 1 / (1 + np.exp(-logits))}
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return {
        "logits": logits,
        "probabilities": odds / odds.sum(1, keepdims=True),
        "classes": np.array(features.classes)[logits.argmax(1)],
    }


@pytest.fixture(
    scope="module",
    params=[
        "binary",
        pytest.param("multiclass", marks=pytest.mark.soak),
        pytest.param("regression", marks=pytest.mark.soak),
    ],
)
def served(request: pytest.FixtureRequest, small: ModuleType, small_run: Callable[[str], Any]) -> Served:
    import tensorflow as tf

    from trainer.warm_start import FILE

    task = request.param
    result = small_run(task)
    directory = result.run.directory.parents[1] / "serving" / "small" / "1"
    frame, serialized = small.requests(task, ROWS)
    expected = training_answers(small, result, serialized, directory / FILE)
    return Served(task, directory, tf.saved_model.load(str(directory)), frame, serialized, expected)


def dense(served: Served, rows: int = ROWS) -> dict[str, Any]:
    """The rows as the inputs of `predict`, by the names that TensorFlow's Python API takes."""
    import tensorflow as tf

    seconds = pd.to_datetime(served.frame["dep time"]).map(lambda t: int(t.timestamp()), na_action="ignore")
    time = [[-(2**63) if pd.isna(value) else int(value)] for value in seconds]
    colour = [["" if pd.isna(value) else value] for value in served.frame["colour"]]
    size = served.frame[["size"]].to_numpy(np.float32)
    values = {
        "size": tf.constant(size),
        "colour": tf.constant(colour),
        "input_1_dep_time": tf.constant(time, tf.int64),
    }
    return {name: value[:rows] for name, value in values.items()}


def assert_equal(answers: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(answers) == set(expected)
    for name, value in expected.items():
        found = answers[name].numpy()
        assert found.shape == value.shape
        assert len(found) == ROWS
        if name == "classes":
            assert [text.decode() for text in found] == value.tolist()
        else:
            # Relative where values are large: a float32 has seven digits.
            np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-6)


def test_both_signatures_answer_as_the_training_does(served: Served) -> None:
    import tensorflow as tf

    signatures = served.model.signatures
    assert_equal(signatures["serving_default"](examples=tf.constant(served.serialized)), served.expected)
    assert_equal(signatures["predict"](**dense(served)), served.expected)
    spread = next(iter(served.expected.values()))
    assert np.std(spread[:, 0]) > 0.1


def test_answers_do_not_depend_on_the_rows_beside(served: Served) -> None:
    import tensorflow as tf

    serve = served.model.signatures["serving_default"]
    name = next(iter(served.expected))
    parts = [serve(examples=tf.constant(served.serialized[at : at + 7]))[name] for at in range(0, 70, 7)]
    np.testing.assert_allclose(np.concatenate(parts), served.expected[name][:70], rtol=1e-6, atol=1e-6)


def test_predict_adds_the_same_answers_to_a_file(served: Served, tmp_path: Path) -> None:
    from pipeline.predict import predict

    served.frame.to_csv(tmp_path / "rows.csv", index=False)
    output = io.BytesIO()
    assert predict(served.directory, tmp_path / "rows.csv", output) == ROWS
    found = pd.read_csv(io.BytesIO(output.getvalue()))
    column = "prediction" if served.task == "regression" else "probability"
    values = served.expected["predictions" if served.task == "regression" else "probabilities"]
    np.testing.assert_allclose(found[column], values.max(axis=1), rtol=1e-6, atol=1e-6)
    if served.task == "multiclass":
        assert found["predicted_class"].tolist() == served.expected["classes"].tolist()


@pytest.mark.parametrize("column", ["size", "colour", "input_1_dep_time"])
@pytest.mark.parametrize("change", ["dropped", "renamed", "retyped"])
def test_predict_refuses_other_columns(served: Served, column: str, change: str) -> None:
    import tensorflow as tf

    inputs = dense(served, rows=2)
    assert served.model.signatures["predict"](**inputs)
    value = inputs.pop(column)
    if change == "renamed":
        inputs[f"{column}_2"] = value
    elif change == "retyped":
        inputs[column] = tf.constant([[1.5], [2.5]], tf.float64)
    # Of a retyped one TensorFlow names the graph's input and not always the column.
    named = None if change == "retyped" else column
    with pytest.raises((TypeError, tf.errors.InvalidArgumentError), match=named):
        served.model.signatures["predict"](**inputs)


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("size", "bytes_list", b"1.5"),
        ("size", "int64_list", 1),
        ("colour", "int64_list", 1),
        ("colour", "float_list", 1.0),
        ("dep time", "float_list", 1.0),
        ("dep time", "bytes_list", b"2024-01-01"),
    ],
)
def test_an_example_with_a_retyped_column_is_refused(
    served: Served, column: str, kind: str, value: Any
) -> None:
    import tensorflow as tf

    example = tf.train.Example()
    getattr(example.features.feature[column], kind).value.append(value)
    with pytest.raises(tf.errors.InvalidArgumentError, match=column):
        served.model.signatures["serving_default"](examples=tf.constant([example.SerializeToString()]))


@pytest.mark.parametrize("noise", [b"\xff\xfe", b"no example", b"\x0a\x05abc"])
def test_bytes_that_are_no_example_are_refused(served: Served, noise: bytes) -> None:
    import tensorflow as tf

    # The Python API cannot always put the bytes into its own message.
    with pytest.raises((tf.errors.InvalidArgumentError, UnicodeDecodeError)):
        served.model.signatures["serving_default"](examples=tf.constant([served.serialized[0], noise]))


@pytest.mark.parametrize("column", ["size", "colour", "dep time"])
def test_an_example_without_a_column_is_one_with_a_missing_value(served: Served, column: str) -> None:
    """A `tf.Example` has no columns, only values: absent means missing, which every model has learned."""
    import tensorflow as tf

    serve = served.model.signatures["serving_default"]
    example = tf.train.Example.FromString(max(served.serialized, key=len))
    assert len(example.features.feature) == 3
    del example.features.feature[column]
    absent = serve(examples=tf.constant([example.SerializeToString()]))
    example.features.feature[column].SetInParent()
    empty = serve(examples=tf.constant([example.SerializeToString()]))
    for name, value in absent.items():
        np.testing.assert_array_equal(value.numpy(), empty[name].numpy())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda frame: frame.drop(columns="colour"), "PREDICT-003"),
        (lambda frame: frame.rename(columns={"dep time": "dep_time"}), "PREDICT-003"),
        (lambda frame: frame.assign(size="far"), "PREDICT-004"),
        (lambda frame: frame.assign(**{"dep time": "noon"}), "PREDICT-004"),
    ],
)
def test_predict_refuses_a_file_with_other_columns(
    served: Served, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], code: str
) -> None:
    from pipeline.predict import predict
    from trainer.errors import TandemError

    change(served.frame).to_csv(tmp_path / "rows.csv", index=False)
    output = io.BytesIO()
    with pytest.raises(TandemError, match=code):
        predict(served.directory, tmp_path / "rows.csv", output)
    assert output.getvalue() == b""
