"""Requests that no client should send: the exported signatures answer, or raise an error of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.faults.fuzz.mutation import HOSTILE, mutations
from tests.trainer import transformed
from trainer.export import HeadParameters, export_model

# TensorFlow quotes a request it cannot parse in its message, and Python then fails to decode that message.
REFUSED = (tf.errors.OpError, UnicodeDecodeError)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return transformed.build(tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def served(place: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An exported model as a server loads it."""
    model: Path = tmp_path_factory.mktemp("served") / "model"
    features, trained = transformed.features("binary"), transformed.trained("binary")
    export_model(model, features, trained, place.graph, HeadParameters(1.0, 0.0, 0.0, 1.0))
    return tf.saved_model.load(str(model))


def requests(count: int) -> Iterator[bytes]:
    valid = tf.train.Example()
    feature = valid.features.feature
    feature["carrier"].bytes_list.value.append(b"UA")
    feature["dep time"].float_list.value.append(9.5)
    feature["class"].int64_list.value.append(3)
    changed = [*mutations(valid.SerializeToString(), count), *HOSTILE]
    # TensorFlow in Python quotes what it refuses, and takes the square of its length to look through that.
    yield from (request for request in changed if len(request) < 20_000)
    for value in HOSTILE:
        feature["carrier"].bytes_list.value[0] = value
        yield valid.SerializeToString()
    for number in (np.inf, -np.inf, np.nan, 3.4e38, -0.0, 1e-45):
        feature["dep time"].float_list.value[0] = number
        yield valid.SerializeToString()
    for whole in (2**63 - 1, -(2**63), 0):
        feature["class"].int64_list.value[0] = whole
        yield valid.SerializeToString()
    for _ in range(3):
        feature["carrier"].bytes_list.value.append(b"UA")
        feature["dep time"].float_list.value.append(1.0)
        yield valid.SerializeToString()
    yield b""


def answers(signature: Any, **inputs: Any) -> dict[str, Any] | None:
    try:
        return {name: value.numpy() for name, value in signature(**inputs).items()}
    except REFUSED:
        return None


@pytest.mark.parametrize("count", [100, pytest.param(5000, marks=pytest.mark.soak)])
def test_serialized_requests_are_answered_in_range_or_refused(served: Any, count: int) -> None:
    signature, answered = served.signatures["serving_default"], 0
    sent = list(requests(count))
    for request in sent:
        found = answers(signature, examples=tf.constant([request]))
        if found is not None:
            answered += 1
            assert found["probabilities"].shape[0] == 1
            # NaN for an infinite number, which this graph, unlike that of a pipeline, does not call missing.
            assert not np.any((found["probabilities"] < 0) | (found["probabilities"] > 1)), request
    assert 0 < answered < len(sent)


def test_one_bad_request_of_a_batch_refuses_the_batch_and_the_next_one_is_answered(served: Any) -> None:
    signature = served.signatures["serving_default"]
    good = tf.train.Example().SerializeToString()
    assert answers(signature, examples=tf.constant([good, b"\xff\xff", good])) is None
    found = answers(signature, examples=tf.constant([good] * 3))
    assert found is not None
    assert len(found["probabilities"]) == 3
    assert answers(signature, examples=tf.constant([], tf.string)) is not None


WRONG: list[dict[str, Any]] = [
    {"carrier": [["UA"], ["B6"]]},
    {"carrier": [["UA", "B6"]]},
    {"carrier": "UA"},
    {"carrier": [[[b"UA"]]]},
    {"dep": np.zeros((0, 1), np.float32)},
    {"dep": np.full((1, 1), np.nan, np.float32)},
    {"class": np.array([[2**63 - 1]])},
    {"class": np.zeros((1, 1), np.float64)},
    {"carrier": np.zeros((1, 1), np.int64)},
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_columns_of_another_shape_or_type_are_answered_or_refused(served: Any, wrong: dict[str, Any]) -> None:
    signature = served.signatures["predict"]
    names = dict(signature.structured_input_signature[1])
    columns: dict[str, Any] = {
        name: tf.constant([[b"UA"]] if spec.dtype == tf.string else [[1]], spec.dtype)
        for name, spec in names.items()
    }
    ((key, value),) = wrong.items()
    columns[next(name for name in names if key in name)] = tf.constant(value)
    found = answers(signature, **columns)
    assert found is None or np.isfinite(found["probabilities"]).all()
