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
