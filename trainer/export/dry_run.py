"""Loads an exported model as a server would, lets it answer recorded requests and measures how fast.

`python -m trainer.export.dry_run MODEL_DIR REQUESTS_DIR OUT_JSON` in a process of its own: nothing that the
training has in memory can help the model. Exit status: 0 if the file was written, whatever the differences;
`os.EX_IOERR` if it could not be written; the status of the error otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import app, logging
from numpy.typing import NDArray

from trainer.errors import TandemError
from trainer.export.digest import digest
from trainer.export.requests import BATCH, read_requests
from trainer.export.signatures import PREDICT, SERVING, dtype_of, missing_value
from trainer.storage import write_json

_WARM_UP = 10
_MOST_SECONDS = 20.0
_SUMS = ("scores", "log_probabilities", "perplexities")
"""Outputs made of sums over the units of a text, whose rounding grows with them."""
_TIE = 1e-4
"""Scores of hypotheses closer than this tie: sums of floats of another batch may rank them otherwise."""


def dry_run(
    model_dir: str | Path, requests_dir: str | Path, single_calls: int = 500, batch_calls: int = 100
) -> dict[str, Any]:
    """Answers every request through both signatures and times `serving_default`.

    Args:
        model_dir: the SavedModel.
        requests_dir: holds `requests.tfrecord` and `expected.npz`.
        single_calls: int. Most timed calls with one request each. Defaults to `500`.
        batch_calls: int. Timed calls with 64 requests each. Defaults to `100`.

    Returns:
        `requests`, the number answered; `max_abs_difference` from the training path over both signatures,
        lower is better (for regression divided by `|mean| + standard deviation` of the train labels; scores,
        log-probabilities and perplexities of sequences divided by the recorded one where that is above 1);
        `latency_ms` of single requests and `batch_latency_ms` of 64 together, each with `p50` and `p99`;
        `load_seconds`; `model_digest`.

    Raises:
        TandemError: `EXPORT-005` no readable SavedModel, `EXPORT-007` no readable requests, `EXPORT-008` a
            signature or output that is absent, has another shape, is not finite or names another class.
    """
    requests, expected, scale = read_requests(requests_dir)
    model_digest = digest(model_dir)
    start = time.perf_counter()
    loaded = tf.saved_model.load(str(model_dir))
    absent = {SERVING, PREDICT} - set(loaded.signatures)
    if absent:
        raise _wrong("signatures", f"without {sorted(absent)}")
    serve, predict = loaded.signatures[SERVING], loaded.signatures[PREDICT]
    serve(examples=tf.constant(requests[:1]))
    load_seconds = time.perf_counter() - start

    difference = 0.0
    for first in range(0, len(requests), BATCH):
        part = slice(first, first + BATCH)
        wanted = {name: value[part] for name, value in expected.items()}
        batch = requests[part]
        for answers in (serve(examples=tf.constant(batch)), predict(**_dense(batch, predict, model_dir))):
            difference = max(difference, _difference(answers, wanted) / scale)
    singles = [tf.constant([request]) for request in requests[:single_calls]]
    repeated = (requests * (BATCH // len(requests) + 1))[:BATCH]
    return {
        "requests": len(requests),
        "max_abs_difference": difference,
        "latency_ms": _latency(lambda request: serve(examples=request), singles),
        "batch_latency_ms": {
            "size": BATCH,
            **_latency(lambda batch: serve(examples=batch), [tf.constant(repeated)] * batch_calls),
        },
        "load_seconds": load_seconds,
        "model_digest": model_digest,
    }


def _wrong(what: str, found: str) -> TandemError:
    return TandemError(
        "EXPORT-008", f"The served model must answer as recorded. Received: {what} {found}", "Train it again."
    )


def _dense(batch: Sequence[bytes], predict: Any, model_dir: str | Path) -> dict[str, Any]:
    """Requests as the dense inputs of `predict`, under the names of TensorFlow's Python API."""
    names = column_names(model_dir, predict)
    kinds = {tf.string: "string", tf.float32: "float", tf.int64: "int64"}
    inputs = {}
    for safe, spec in predict.structured_input_signature[1].items():
        kind = kinds[spec.dtype]
        feature = tf.io.FixedLenFeature([1], dtype_of(kind), missing_value(kind))
        inputs[safe] = tf.io.parse_example(batch, {names[safe]: feature})[names[safe]]
    return inputs


def column_names(model_dir: str | Path, predict: Any) -> dict[str, str]:
    """The column behind each input of a loaded `predict` signature, by the input's name in Python."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((Path(model_dir) / "saved_model.pb").read_bytes())
    by_tensor = {
        info.name.split(":")[0]: name
        for name, info in saved.meta_graphs[0].signature_def[PREDICT].inputs.items()
    }
    return {safe: by_tensor[f"{PREDICT}_{safe}"] for safe in predict.structured_input_signature[1]}


def _difference(answers: Mapping[str, Any], wanted: Mapping[str, NDArray[Any]]) -> float:
    absent = set(wanted) - set(answers)
    if absent:
        raise _wrong("outputs", f"without {sorted(absent)}")
    largest = 0.0
    for name, value in wanted.items():
        answer = answers[name].numpy()
        if answer.shape != value.shape:
            raise _wrong(name, f"of shape {answer.shape} for {value.shape}")
        if name == "classes":
            # Where the greatest logit is another, which a tie allows, the logits show the difference.
            alike = answers["logits"].numpy().argmax(axis=1) == wanted["logits"].argmax(axis=1)
            if (answer != value)[alike].any():
                raise _wrong(name, "that are not those of the logits")
            continue
        if answer.dtype == object:
            _check_texts(name, answer.astype(np.bytes_), value, answers, wanted)
            continue
        difference = np.abs(answer.astype(np.float64) - value)
        if not np.isfinite(difference).all():
            raise _wrong(name, "that is not finite")
        if name in _SUMS:
            difference /= np.maximum(np.abs(value), 1.0)
        largest = max(largest, float(difference.max(initial=0.0)))
    return largest


def _check_texts(
    name: str,
    answer: NDArray[Any],
    value: NDArray[Any],
    answers: Mapping[str, Any],
    wanted: Mapping[str, NDArray[Any]],
) -> None:
    """Refuses other texts; hypotheses may change places where their scores tie."""
    wrong = (answer != value).reshape(len(value), -1).any(axis=1)
    if name == "texts" and "scores" in wanted:
        scores = answers["scores"].numpy()
        for row in np.flatnonzero(wrong):
            # The last ones may also have given way to one of equal score that was not recorded.
            last = wanted["scores"][row].min() + _TIE
            wrong[row] = any(
                not (abs(scores[row][answer[row] == text] - score) <= _TIE).any()
                for text, score in zip(value[row], wanted["scores"][row], strict=True)
                if score > last or text == value[row][0]
            )
    if wrong.any():
        raise _wrong(name, f"that are others in {int(wrong.sum())} of {len(value)} requests")


def _latency(call: Callable[[Any], Any], inputs: Sequence[Any]) -> dict[str, float]:
    """50th and 99th percentile in milliseconds of about 20 seconds, after a quarter of that not counted."""
    began = time.perf_counter()
    for index in range(_WARM_UP):
        call(inputs[index % len(inputs)])
        if time.perf_counter() - began > _MOST_SECONDS / 4:
            break
    taken: list[float] = []
    for value in inputs:
        if sum(taken) > _MOST_SECONDS * 1000.0:
            break
        start = time.perf_counter()
        for output in call(value).values():
            output.numpy()
        taken.append((time.perf_counter() - start) * 1000.0)
    p50, p99 = np.percentile(taken, [50, 99])
    return {"p50": float(p50), "p99": float(p99)}


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    if len(arguments) != 4:
        logging.error("Expected MODEL_DIR REQUESTS_DIR OUT_JSON. Received: %s", list(arguments[1:]))
        return 2
    try:
        result = dry_run(arguments[1], arguments[2])
    except TandemError as error:
        logging.error("%s", error)
        return error.exit_status
    try:
        write_json(Path(arguments[3]), result)
    except Exception as error:  # noqa: BLE001 - whatever it is, the model answered
        logging.error("The result cannot be written: %s", error)
        return os.EX_IOERR
    return 0


if __name__ == "__main__":
    app.run(main)
