"""A whole training of sequences, from transformed examples to a model that answers raw texts as trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.loop.sequence.conftest import run_spec
from tests.trainer.reversed_words import LONGEST, TextPlace, backwards, request
from trainer.errors import TandemError
from trainer.export import digest
from trainer.export.dry_run import dry_run
from trainer.export.sequence import FEATURES
from trainer.loop import RunSpec, run
from trainer.spec import (
    DecodingSpec,
    SequenceFeatureSpec,
    SequenceModelSpec,
    SequenceTrainSpec,
    StackSpec,
    TrainSpec,
)

LAYERS = SequenceModelSpec(
    embedding=32,
    encoder=StackSpec(units=64),
    decoder=StackSpec(units=64),
    dropout=0.0,
    decoding=DecodingSpec(beam=4, n_best=3),
)
PLAN = TrainSpec(
    epochs=8,
    evaluations_per_epoch=1,
    weight_averaging=0.98,
    sequence=SequenceTrainSpec(batch_tokens=1200, learning_rate=0.01),
)


@pytest.fixture(scope="module")
def trained(place: TextPlace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The root of a training, and what it returned."""
    root = tmp_path_factory.mktemp("trained")
    return root, run(
        RunSpec.from_json(
            run_spec(place, root, LAYERS, PLAN, eval_raw_files=[str(place.raw)], recorded_requests=100)
        )
    )


@pytest.fixture(scope="module")
def served(trained: tuple[Path, dict[str, Any]]) -> Any:
    return tf.saved_model.load(str(trained[0] / "model" / "Format-Serving"))


def test_words_that_were_never_seen_come_back_reversed(served: Any, place: TextPlace) -> None:
    answers = served.signatures["serving_default"](examples=tf.constant([request(w) for w in place.words]))
    best = [text.decode() for text in answers["texts"].numpy()[:, 0]]
    assert np.mean([text == backwards(word) for text, word in zip(best, place.words, strict=True)]) > 0.9
    assert answers["texts"].shape == (200, 3)
    assert (np.diff(answers["scores"].numpy(), axis=1) <= 0).all()
    assert set(answers["status"].numpy()) == {b"ok"}


def test_both_signatures_answer_as_the_model_did_before_its_export(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    root, summary = trained
    found = dry_run(root / "model" / "Format-Serving", root / "run", single_calls=5, batch_calls=2)
    assert found["requests"] == summary["recorded_requests"] == 100
    assert found["max_abs_difference"] <= 1e-5
    assert found["model_digest"] == summary["model_digest"]


def test_other_texts_than_recorded_are_refused(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, _ = trained
    (tmp_path / "requests.tfrecord").write_bytes((root / "run" / "requests.tfrecord").read_bytes())
    with np.load(root / "run" / "expected.npz") as saved:
        arrays = {name: saved[name] for name in saved.files}
    arrays["outputs/texts"] = arrays["outputs/texts"].copy()
    arrays["outputs/texts"][7, 0] = b"A A A"
    np.savez(tmp_path / "expected.npz", **arrays)
    with pytest.raises(TandemError, match=r"EXPORT-008.*texts that are others in 1 of 64 requests"):
        dry_run(root / "model" / "Format-Serving", tmp_path, 1, 1)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("abc", "ok"),
        ("", "empty"),
        ("abz", "unknown"),
        (b"ab\xff\xfe", "unknown"),
        ("ab" * 5000, "truncated"),
        ("漢字" * 5000, "truncated"),
        ("a\x00b", "unknown"),
    ],
)
def test_every_text_is_answered(served: Any, text: str | bytes, status: str) -> None:
    value = text if isinstance(text, bytes) else text.encode()
    dense = served.signatures["predict"](word=tf.constant([[value]]))
    serialized = served.signatures["serving_default"](examples=tf.constant([request(text)]))
    for answers in (dense, serialized):
        assert answers["status"].numpy().tolist() == [status.encode()]
        assert answers["texts"].shape == (1, 3)
        assert np.isfinite(answers["scores"].numpy()).all()
        assert np.isfinite(answers["log_probabilities"].numpy()).all()
    if status == "empty":
        assert dense["texts"].numpy().tolist() == [[b"", b"", b""]]


def test_a_text_that_is_too_long_is_answered_for_its_beginning(served: Any) -> None:
    predict = served.signatures["predict"]
    long, cut = (predict(word=tf.constant([["ab" * length]])) for length in (5000, LONGEST // 2))
    assert long["texts"].numpy().tolist() == cut["texts"].numpy().tolist()


def test_every_unit_of_a_hypothesis_tells_what_it_looked_at(served: Any) -> None:
    found = served.signatures["explain"](examples=tf.constant([request("abcd"), request("ef")]))
    assert found["source_units"].numpy().tolist() == [[b"a", b"b", b"c", b"d"], [b"e", b"f", b"", b""]]
    assert found["units"].numpy().tolist() == [[b"D", b"C", b"B", b"A"], [b"F", b"E", b"", b""]]
    attention = found["attention"].numpy()
    assert attention.shape == (2, 4, 4)
    np.testing.assert_allclose(attention[0].sum(axis=1), np.ones(4), rtol=1e-5)
    np.testing.assert_allclose(attention[1].sum(axis=1)[:2], np.ones(2), rtol=1e-5)
    assert not attention[1][:, 2:].any()


def test_an_empty_text_is_explained_by_nothing(served: Any) -> None:
    found = served.signatures["explain"](examples=tf.constant([request(""), request("ef")]))
    assert found["units"].numpy().tolist() == [[b"", b""], [b"F", b"E"]]
    assert not found["attention"].numpy()[0].any()


def test_the_record_of_the_training_holds_what_later_steps_read(
    trained: tuple[Path, dict[str, Any]], place: TextPlace
) -> None:
    root, summary = trained
    assert json.loads((root / "run" / "training.json").read_text()) == summary
    assert SequenceFeatureSpec.from_json(summary["feature_spec"]) == place.features
    told = json.loads((root / "model" / "Format-Serving" / FEATURES).read_text())
    assert SequenceFeatureSpec.from_json(told) == place.features
    assert summary["prior"]["task"] == "seq2seq"
    assert summary["sequences"]["skipped"] == {"empty": 0, "long": 0}
    assert summary["model_digest"] == digest(root / "model" / "Format-Serving")
