"""Our own points: rows through the pipeline, then the trainer by itself, then the exported model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine, record
from benchmarks.apart import apart_call
from benchmarks.pronunciation import attempts, points
from benchmarks.pronunciation.points import Point
from benchmarks.pronunciation.scoring import score
from benchmarks.pronunciation.words import EXAMPLE, parts
from pipeline.config import load
from pipeline.plan import train_arguments

CONFIGS = {
    8: EXAMPLE / "variants" / "by_word.yaml",
    30: EXAMPLE / "variants" / "by_word_30.yaml",
    180: EXAMPLE / "variants" / "by_word_180.yaml",
}
SHORT = ("train.epochs=0.01", "model.sequence.encoder.units=16", "model.sequence.decoder.units=16")
"""Overrides of a run that is wanted for what comes before its training."""
MODEL = "Format-Serving"
ASKED = 512
"""Words in a request."""


def transformed(root: Path, config: Path) -> Path:
    """Runs the pipeline with next to no training, unless `root` holds such a run; its artifacts."""
    if not any(root.glob("artifacts/train/model_run/*/training.json")):
        tandem = str(Path(sys.executable).with_name("tandem"))
        words = [word for override in SHORT for word in ("--set", override)]
        done = subprocess.run(
            [tandem, "run", str(config), "--root", str(root), "--json", *words],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if error := json.loads(done.stdout)["error"]:
            raise SystemExit(f"the run failed: {error}")
    return root / "artifacts"


def specification(minutes: int, artifacts: Path, directory: Path, overrides: list[str]) -> dict[str, Any]:
    """What the trainer is told: the config of the budget, the transformed rows, and where all goes."""
    (told,) = artifacts.glob("train/model_run/*/training.json")
    (graph,) = artifacts.glob("transform/transform_graph/*")
    (examples,) = artifacts.glob("transform/transformed_examples/*")
    files = {
        split: sorted(str(file) for file in (examples / f"Split-{split}").iterdir())
        for split in ("train", "validation")
    }
    return {
        "features": json.loads(told.read_text())["feature_spec"],
        **train_arguments(load(CONFIGS[minutes], overrides)),
        "train_files": files["train"],
        "validation_files": files["validation"],
        "transform_graph_dir": str(graph),
        "checkpoint_dir": str(directory / "checkpoints"),
        "output_dir": str(directory / "model"),
        "run_dir": str(directory / "run"),
    }


def answers(model: Path, words: list[str]) -> dict[str, str]:
    """The best phones by word, from the exported model alone, strings in and strings out."""
    import tensorflow as tf

    signature = tf.saved_model.load(str(model)).signatures["predict"]
    (name,) = signature.structured_input_signature[1]
    told = {}
    asked = sorted(words, key=len)
    for start in range(0, len(asked), ASKED):
        batch = asked[start : start + ASKED]
        texts = signature(**{name: tf.constant([[word] for word in batch])})["texts"].numpy()
        told |= {word: row[0].decode() for word, row in zip(batch, texts, strict=True)}
    return told


def point(minutes: int, root: Path, resume: bool, overrides: list[str]) -> Point:
    """Trains for a budget, or goes on with it, and scores the exported model.

    Args:
        minutes: `8`, `30` or `180`.
        root: keeps a folder for each budget: the pipeline run, checkpoints, model and hypotheses.
        resume: go on with an interrupted training; without it a finished one makes room for a new one.
        overrides: `KEY=VALUE` for the config of the budget.
    """
    directory = root.absolute() / f"minutes_{minutes}"
    if not resume and attempts.finished(attempts.read(directory)):
        shutil.rmtree(directory)
    artifacts = transformed(directory / "pipeline", CONFIGS[minutes])
    begun = record.begin()
    told = attempts.run(directory, specification(minutes, artifacts, directory, overrides), resume)
    seconds, cpu_seconds = attempts.totals(told)
    training = json.loads((directory / "run" / "training.json").read_text())
    history = json.loads((directory / "run" / "history.json").read_text())
    test, started = parts()["eval"], time.perf_counter()
    hypotheses = apart_call(answers, directory / "model" / MODEL, list(test))
    decoding_seconds = time.perf_counter() - started
    (directory / "hypotheses.json").write_text(json.dumps(hypotheses, indent=0, sort_keys=True))
    facts = {
        "machine": machine.facts(),
        "commit": begun.commit,
        "started": told[0]["started"],
        "config": CONFIGS[minutes].name,
        "arguments": train_arguments(load(CONFIGS[minutes], overrides)),
        "steps": training["steps"],
        "model_digest": training["model_digest"],
        "decoding_seconds": decoding_seconds,
        "sequences": training.get("sequences", {}),
        "first_pronunciation_only": vars(score(hypotheses, test, first_only=True)),
    }
    return Point(
        points.ours(minutes),
        score(hypotheses, test),
        seconds,
        cpu_seconds,
        training["parameters"],
        minutes,
        len(told),
        facts,
        tuple({"seconds": e["seconds"], "validation_loss": e["validation_loss"]} for e in history),
    )
