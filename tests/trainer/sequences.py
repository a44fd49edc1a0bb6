"""Small transformed sequences, words and their reverse; as a program, a training that kills itself."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.spec import (
    ModelSpec,
    SequenceFeatureSpec,
    SequenceModelSpec,
    SequenceTrainSpec,
    StackSpec,
    TrainSpec,
    UnitsSpec,
)

LETTERS = tuple("abcdefgh")
Pair = tuple[Sequence[int] | None, Sequence[int]]
SMALL = ModelSpec(
    sequence=SequenceModelSpec(
        embedding=16, encoder=StackSpec(units=32, heads=2), decoder=StackSpec(units=32, heads=2), dropout=0.1
    )
)
PLAN = TrainSpec(
    epochs=2,
    evaluations_per_epoch=2,
    checkpoint_every_steps=3,
    weight_averaging=0.9,
    sequence=SequenceTrainSpec(batch_tokens=400, buckets=3, learning_rate=0.01),
)


def own(**changes: Any) -> TrainSpec:
    """`PLAN` with other settings of sequences."""
    assert PLAN.sequence is not None
    return dataclasses.replace(PLAN, sequence=dataclasses.replace(PLAN.sequence, **changes))


def features() -> SequenceFeatureSpec:
    """Letters in, capitals out, at most twelve."""
    return SequenceFeatureSpec(
        "seq2seq",
        target=UnitsSpec("back", "tokens", tuple(letter.upper() for letter in LETTERS), 12),
        source=UnitsSpec("word", "characters", LETTERS, 12),
        raw={"word": "string"},
    )


def language_model() -> SequenceFeatureSpec:
    """Words alone."""
    return SequenceFeatureSpec(
        "language_model", target=UnitsSpec("word", "characters", LETTERS, 12), raw={"word": "string"}
    )


def pairs(count: int, seed: int = 0, longest: int = 6) -> list[tuple[list[int], list[int]]]:
    """Ids of words of 2 to `longest` letters, and of their reverse."""
    generator = np.random.default_rng(seed)
    words = [
        [int(unit) for unit in generator.integers(4, 4 + len(LETTERS), generator.integers(2, longest + 1))]
        for _ in range(count)
    ]
    return [(word, word[::-1]) for word in words]


def write(
    path: Path, rows: Sequence[Pair], weights: Sequence[float] | None = None, gzip: bool = False
) -> Path:
    """Writes pairs of ids as transformed examples; a source of None is left out."""
    options = tf.io.TFRecordOptions(compression_type="GZIP" if gzip else "")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for index, (source, target) in enumerate(rows):
            example = tf.train.Example()
            feature = example.features.feature
            if source is not None:
                feature["source_ids"].int64_list.value.extend(source)
                feature["source_length"].int64_list.value.append(len(source))
            feature["target_ids"].int64_list.value.extend(target)
            feature["target_length"].int64_list.value.append(len(target))
            if weights is not None:
                feature["weight"].float_list.value.append(weights[index])
            writer.write(example.SerializeToString())
    return path


def killed_training(arguments: dict[str, Any]) -> None:
    """Trains until a step is reached, then sends SIGKILL to itself."""
    from trainer.loop.sequence import train_sequences

    def progress(step: int, *_: Any) -> None:
        if step >= arguments["kill_at_step"]:
            os.kill(os.getpid(), signal.SIGKILL)

    train_sequences(
        SequenceFeatureSpec.from_json(arguments["features"]),
        ModelSpec.from_json(arguments["model"]),
        TrainSpec.from_json(arguments["plan"]),
        arguments["train_files"],
        arguments["validation_files"],
        arguments["checkpoint_dir"],
        arguments["run_dir"],
        progress=progress,
    )


if __name__ == "__main__":
    killed_training(json.loads(Path(sys.argv[1]).read_text()))
