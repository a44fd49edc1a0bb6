"""Transformed rows of the pronunciation example: batches for trainers, and all that a decoder needs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pronunciation.tandem import CONFIGS, transformed
from benchmarks.sequences.blocks import BLOCKS, STEPS, write
from trainer.data.sequence import BucketOrder, SequenceTable, open_sequences
from trainer.data.sequence.batches import assemble
from trainer.spec import SequenceFeatureSpec, SequenceTrainSpec

PLAN = SequenceTrainSpec()


@dataclasses.dataclass(frozen=True)
class Rows:
    """What the pipeline made.

    Args:
        features: units of letters and phones.
        train: files of transformed examples.
        validation: the same of the validation split.
        graph: directory of the transform graph.
    """

    features: SequenceFeatureSpec
    train: tuple[Path, ...]
    validation: tuple[Path, ...]
    graph: Path

    def table(self) -> SequenceTable:
        """The training split in memory."""
        return open_sequences(self.train, self.features)

    def sources(self, count: int) -> list[NDArray[np.int32]]:
        """Ids of different sources of the validation split, `count` of them at most, in its order."""
        held = open_sequences(self.validation, self.features)
        different = {tuple(source.tolist()): None for source, _ in held.pairs()}
        return [np.array(source, np.int32) for source in different][:count]


def prepare(root: Path, directory: Path) -> Rows:
    """Runs the pipeline unless `root` holds a run, and writes blocks of batches to `directory`."""
    artifacts = transformed(root, CONFIGS[8])
    (told,) = artifacts.glob("train/model_run/*/training.json")
    (graph,) = artifacts.glob("transform/transform_graph/*")
    files = {
        split: tuple(sorted(artifacts.glob(f"transform/transformed_examples/*/Split-{split}/*")))
        for split in ("train", "validation")
    }
    features = SequenceFeatureSpec.from_json(json.loads(told.read_text())["feature_spec"])
    rows = Rows(features, files["train"], files["validation"], graph)
    table = rows.table()
    order = BucketOrder(table, PLAN.buckets, PLAN.batch_tokens, seed=1)
    places = order.epoch(0)[: BLOCKS * STEPS]
    batches: list[dict[str, Any]] = [assemble(table, order, place, 0).arrays for place in places]
    blocks = [batches[at : at + STEPS] for at in range(0, len(batches), STEPS)]
    write(directory, blocks, {"features": features.to_json()})
    return rows
