"""A whole training as a program, from files to a model that answers as trained."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import trainer
from trainer.__main__ import main
from trainer.data import LabelStatistics
from trainer.errors import TandemError
from trainer.export import digest
from trainer.loop import RunSpec, run
from trainer.spec import FeatureSpec, TrainSpec
from trainer.warm_start import FILE


def run_spec(place: Any, make: Any, root: Path, **changes: Any) -> dict[str, Any]:
    return {
        "features": make.features().to_json(),
        "model": make.MODEL.to_json(),
        "train": TrainSpec(batch_size=32, epochs=2, calibrate=True, weight_averaging=0.5).to_json(),
        "train_files": [str(place.transformed)],
        "validation_files": [str(place.transformed)],
        "eval_raw_files": [str(place.raw)],
        "recorded_requests": 50,
        "transform_graph_dir": str(place.graph),
        "checkpoint_dir": str(root / "checkpoints"),
        "output_dir": str(root / "model"),
        "run_dir": str(root / "run"),
        **changes,
    }


def test_a_training_from_a_json_file_ends_with_a_model_that_answers_as_trained(
    place: Any, make: Any, tmp_path: Path
) -> None:
    graph = tmp_path / "graph"
    shutil.copytree(place.graph, graph)
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(run_spec(place, make, tmp_path, transform_graph_dir=str(graph))))
    assert main(["trainer", str(file)]) == 0
    shutil.rmtree(graph)
    summary = json.loads((tmp_path / "run" / "training.json").read_text())
    assert summary["steps"] == 18
    assert summary["recorded_requests"] == 50
    assert summary["model_digest"] == digest(tmp_path / "model" / "Format-Serving")
    assert FeatureSpec.from_json(summary["feature_spec"]) == make.features()
    assert LabelStatistics.from_json(summary["label_statistics"]).rows == 300
    assert list((tmp_path / "checkpoints").iterdir())
    out = tmp_path / "dry_run.json"
    subprocess.run(
        [sys.executable, "-m", "trainer.export.dry_run", str(tmp_path / "model" / "Format-Serving"),
         str(tmp_path / "run"), str(out)],
        env={**os.environ, "PYTHONPATH": str(Path(trainer.__file__).parents[1])},
        check=True,
        capture_output=True,
        timeout=120,
    )  # fmt: skip
    found = json.loads(out.read_text())
    assert found["requests"] == 50
    assert found["max_abs_difference"] <= 1e-6
    assert found["model_digest"] == summary["model_digest"]


def test_same_inputs_and_seed_give_the_same_digest_and_another_seed_another(
    place: Any, make: Any, tmp_path: Path
) -> None:
    digests = []
    for number, seed in enumerate((1, 1, 2)):
        plan = TrainSpec(batch_size=32, epochs=1, seed=seed).to_json()
        spec = run_spec(place, make, tmp_path / str(number), train=plan, eval_raw_files=[])
        digests.append(run(RunSpec.from_json(spec))["model_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_the_prior_loses_to_the_model_where_there_is_something_to_learn(
    place: Any, make: Any, tmp_path: Path
) -> None:
    from trainer.data import open_split

    columns = dict(open_split([place.transformed], make.features()).columns or {})
    learnable = (columns["deep_ids"][:, 0] % 2).astype(np.float32)
    path = tmp_path / "learnable"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record, label in zip(tf.data.TFRecordDataset(str(place.transformed)), learnable, strict=True):
            example = tf.train.Example.FromString(record.numpy())
            example.features.feature["label"].float_list.value[0] = label
            writer.write(example.SerializeToString())
    plan = TrainSpec(batch_size=32, epochs=20).to_json()
    changes = {"train_files": [str(path)], "validation_files": [str(path)], "train": plan}
    run(RunSpec.from_json(run_spec(place, make, tmp_path, **changes)))
    loaded = tf.saved_model.load(str(tmp_path / "model" / "Format-Serving"))
    examples = tf.constant([make.serialize(row) for row in place.rows])
    served = loaded.signatures["serving_default"](examples=examples)["probabilities"].numpy()[:, 0]
    assert ((served > 0.5) == (learnable > 0.5)).mean() > 0.99


def test_a_training_leaves_what_the_next_one_starts_from_and_the_digest_does_not_depend_on_it(
    place: Any, make: Any, tmp_path: Path
) -> None:
    def call(name: str, policy: str, **origin: str) -> dict[str, Any]:
        plan = TrainSpec(batch_size=32, epochs=1, warm_start=policy).to_json()
        changes = {"train": plan, "eval_raw_files": [], "warm_start_from": origin}
        changes["tokens"] = {"carrier": ["AA", "UA", "DL"]}
        return run(RunSpec.from_json(run_spec(place, make, tmp_path / name, **changes)))

    first = call("first", "none")
    assert first["warm_start"] is None
    model = tmp_path / "first" / "model" / "Format-Serving"
    origin = {"file": str(model / FILE), "digest": first["model_digest"]}
    warm = call("warm", "keep", **origin)
    written = json.loads((tmp_path / "warm" / "run" / "training.json").read_text())
    assert written["warm_start"] == warm["warm_start"]
    assert warm["warm_start"]["from"] == first["model_digest"]
    assert (warm["warm_start"]["rows_taken"], warm["warm_start"]["rows_fresh"]) == (19, 0)
    assert warm["best_validation_loss"] < first["best_validation_loss"]
    ignored = call("ignored", "none", **origin)
    assert (ignored["warm_start"], ignored["model_digest"]) == (None, first["model_digest"])
    (model / FILE).write_bytes(b"damaged")
    fresh = call("fresh", "keep", **origin)
    assert fresh["warm_start"]["reason"].startswith("TRAIN-202")
    assert fresh["model_digest"] == first["model_digest"]
    shutil.rmtree((model / FILE).parent)
    assert digest(model) == first["model_digest"]


def test_a_graph_that_does_not_fit_is_found_before_training(place: Any, make: Any, tmp_path: Path) -> None:
    spec = run_spec(place, make, tmp_path)
    spec["features"]["raw"]["gone"] = "string"
    with pytest.raises(TandemError, match="EXPORT-002"):
        run(RunSpec.from_json(spec))
    assert not (tmp_path / "run").exists()


def test_a_specification_that_cannot_be_read_now_may_be_tried_again(tmp_path: Path) -> None:
    assert main(["trainer", str(tmp_path / "absent.json")]) == 1


def test_wrong_arguments_end_with_status_2(tmp_path: Path) -> None:
    assert main(["trainer"]) == 2
    (tmp_path / "spec.json").write_text("{")
    assert main(["trainer", str(tmp_path / "spec.json")]) == 2
    (tmp_path / "spec.json").write_text('{"unknown": 1}')
    assert main(["trainer", str(tmp_path / "spec.json")]) == 2
