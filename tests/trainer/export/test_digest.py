"""Equal exports have one digest; whatever changes the answers changes it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import trainer
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.export import HeadParameters, digest, export_model, export_prior

OTHER_PROCESS = """
import json, sys
import numpy as np
from trainer.export import HeadParameters, export_model
from trainer.models import build_wide_deep
from trainer.spec import FeatureSpec, ModelSpec
spec, model = FeatureSpec.from_json(json.loads(sys.argv[1])), json.loads(sys.argv[2])
graph, out = sys.argv[3:]
network = build_wide_deep(spec, ModelSpec.from_json(model), 1)
rng = np.random.default_rng(1)
for variable in network.trainable_variables:
    variable.assign(rng.normal(size=variable.shape).astype(np.float32))
export_model(out, spec, network, graph, HeadParameters(1.5, 0.0))
"""


@pytest.fixture(scope="module")
def export(place: Any, make: Any, tmp_path_factory: Any) -> Callable[..., Path]:
    count = iter(range(1000))

    def call(graph: Path | None = None, seed: int = 1, spec: Any = None, **parameters: float) -> Path:
        out = tmp_path_factory.mktemp("digest") / str(next(count))
        head = HeadParameters(**{"scale": 1.5, **parameters})
        export_model(out, spec or make.features(), make.trained(seed=seed), graph or place.graph, head)
        return out

    return call


def test_two_exports_have_one_digest_in_one_process_and_in_another(
    export: Callable[..., Path], place: Any, make: Any, tmp_path: Path
) -> None:
    first, second = export(), export()
    assert digest(first) == digest(second)
    assert len(digest(first)) == 64
    root = Path(trainer.__file__).parents[1]
    arguments = [json.dumps(make.features().to_json()), json.dumps(make.MODEL.to_json()), str(place.graph)]
    subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, *arguments, str(tmp_path / "model")],
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        timeout=120,
    )
    assert digest(tmp_path / "model") == digest(first)
    moved = tmp_path / "moved"
    shutil.copytree(first, moved)
    (moved / "fingerprint.pb").unlink()
    assert digest(moved) == digest(first)


def test_a_changed_weight_calibration_class_or_signature_changes_the_digest(
    export: Callable[..., Path], make: Any
) -> None:
    spec = make.features()
    found = {
        "as it was": digest(export()),
        "weight": digest(export(seed=2)),
        "calibration": digest(export(shift=1e-6)),
        "signature": digest(export(spec=dataclasses.replace(spec, raw=dict(list(spec.raw.items())[:2])))),
    }
    assert len(set(found.values())) == len(found), found


def test_a_changed_vocabulary_changes_the_digest(export: Callable[..., Path]) -> None:
    model = export()
    before = digest(model)
    asset = model / "assets" / "carrier"
    lines = asset.read_bytes().splitlines(keepends=True)
    asset.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    assert digest(model) != before


def test_a_changed_constant_of_the_transform_graph_changes_the_digest(
    export: Callable[..., Path], place: Any, tmp_path: Path
) -> None:
    class Shifted(tf.Module):
        def __init__(self, shift: float) -> None:
            super().__init__()
            self.inner = tf.saved_model.load(str(place.graph / "transform_fn"))
            kinds = self.inner.transform_fn.structured_input_signature[0][0]

            @tf.function(input_signature=[kinds])
            def transform_fn(inputs: Any) -> Any:
                outputs = dict(self.inner.transform_fn(inputs))
                return {**outputs, "dense": outputs["dense"] + shift}

            self.transform_fn = transform_fn

    found = []
    for number, shift in enumerate((0.5, 0.5, 0.75)):
        graph = tmp_path / str(number)
        tf.saved_model.save(Shifted(shift), str(graph / "transform_fn"))
        found.append(digest(export(graph=graph)))
    assert found[0] == found[1] != found[2]


class Scorer(tf.Module):
    """Answers `serving_default` with a function of `x`; what the function uses are attributes."""

    def __init__(self, answer: Callable[[Any], Any], **used: Any) -> None:
        super().__init__()
        self.used = used
        self.answer = tf.function(answer, input_signature=[tf.TensorSpec([None], tf.float32, name="x")])

    def saved(self, place: Path) -> str:
        tf.saved_model.save(self, str(place), signatures={"serving_default": self.answer})
        return digest(place)


def constants(swapped: bool, _: Path) -> Scorer:
    pairs = [(1.0, 2.0), (5.0, 7.0)]
    pairs = pairs[::-1] if swapped else pairs
    return Scorer(lambda x: {"y": tf.stack([x, *((x - a) / b for a, b in pairs)], 1)})


def operands(swapped: bool, _: Path) -> Scorer:
    return Scorer(lambda x: {"y": tf.exp(x) - tf.sin(x) if swapped else tf.sin(x) - tf.exp(x)})


def columns(swapped: bool, _: Path) -> Scorer:
    def answer(x: Any) -> Any:
        first, second = tf.split(tf.stack([x, x * x], 1), 2, axis=1)
        return {"y": second - first if swapped else first - second}

    return Scorer(answer)


def branches(swapped: bool, _: Path) -> Scorer:
    def answer(x: Any) -> Any:
        one, two = (lambda: x + 1.0), (lambda: x + 2.0)
        return {"y": tf.cond(x[0] > 0, *((two, one) if swapped else (one, two)))}

    return Scorer(answer)


def variables(swapped: bool, _: Path) -> Scorer:
    one, two = tf.Variable(2.0), tf.Variable(3.0)
    return Scorer(lambda x: {"y": x * two + one if swapped else x * one + two}, one=one, two=two)


def tables(swapped: bool, root: Path) -> Scorer:
    vocabularies = []
    for name, tokens in (("one", "1.5\n2.5\n"), ("two", "2.5\n1.5\n")):
        file = root / name
        file.write_text(tokens)
        initializer = tf.lookup.TextFileInitializer(
            str(file),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        vocabularies.append(tf.lookup.StaticHashTable(initializer, -1))
    one, two = vocabularies

    def answer(x: Any) -> Any:
        text = tf.strings.as_string(x, precision=1)
        first, second = (two, one) if swapped else (one, two)
        return {"y": first.lookup(text) - 10 * second.lookup(text)}

    return Scorer(answer, one=one, two=two)


@pytest.mark.parametrize("make_scorer", [constants, operands, columns, branches, variables, tables])
def test_what_stands_in_each_others_place_changes_the_digest(
    make_scorer: Callable[[bool, Path], Scorer], tmp_path: Path
) -> None:
    scorers = [make_scorer(swapped, tmp_path) for swapped in (False, False, True)]
    answers = [scorer.answer(tf.constant([1.5, 2.5]))["y"].numpy().tolist() for scorer in scorers]
    assert answers[0] == answers[1] != answers[2]
    found = [scorer.saved(tmp_path / str(number)) for number, scorer in enumerate(scorers)]
    assert found[0] == found[1] != found[2]


def test_a_graph_deeper_than_the_stack_of_python_has_a_digest(tmp_path: Path) -> None:
    def answer(x: Any) -> Any:
        for _ in range(sys.getrecursionlimit() + 500):
            x = x + 1.0
        return {"y": x}

    assert len(Scorer(answer).saved(tmp_path / "model")) == 64


def test_priors_differ_by_their_constant(make: Any, tmp_path: Path) -> None:
    digests = []
    for number, positives in enumerate((3.0, 3.0, 4.0)):
        labels = LabelStatistics(10, 10.0, positives / 10, 0.2, (10.0 - positives, positives))
        export_prior(tmp_path / str(number), make.features(), labels)
        digests.append(digest(tmp_path / str(number)))
    assert digests[0] == digests[1] != digests[2]


def test_a_damaged_model_has_a_code(export: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="EXPORT-005"):
        digest(tmp_path / "absent")
    for file in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        model = export()
        content = (model / file).read_bytes()
        (model / file).write_bytes(content[: len(content) // 2])
        with pytest.raises(TandemError, match="EXPORT-005"):
            digest(model)
