"""The exported model beside the training graph's beam search: strings in, strings out, in a new process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from benchmarks.apart import apart_call
from benchmarks.sequences.decoding import SPEC, limited, padded, searches, trained
from benchmarks.sequences.rows import Rows
from trainer.export import TransformGraph
from trainer.export.sequence import SequenceServer, export_sequence_server
from trainer.export.sequence.texts import Joiner
from trainer.spec.sequence import FIRST_UNIT

WORDS, BATCH, ROUNDS = 1000, 100, 3

Texts = list[list[str]]
"""The n best of each word."""


def exported(rows: Rows, path: Path, size: str, kind: str, threads: int) -> dict[str, float]:
    """Trains for a short while, exports to `path`, and asks both.

    Returns:
        `words`, `different` (words for which any of the n best is not the training graph's), `bytes` of all
        files and `words_per_second` of the exported model.
    """
    limited(threads)
    model = trained(rows, size, kind)
    sources = rows.sources(WORDS)
    assert rows.features.source is not None
    units = rows.features.source.units
    asked = ["".join(units[unit - FIRST_UNIT] for unit in ids) for ids in sorted(sources, key=len)]
    joiner = Joiner(rows.features.target)
    search = searches(model, rows.features.target.max_length)["cached"]
    expected: Texts = []
    for batch in padded(sources, BATCH):
        expected += _texts(joiner(search(tf.constant(batch)).ids))
    transform = TransformGraph(str(rows.graph))
    server = SequenceServer(rows.features, model, SPEC, 1.0, transform)
    export_sequence_server(path, rows.features, server)
    told, seconds = apart_call(served, path, asked, threads)
    return {
        "words": len(asked),
        "different": sum(one != other for one, other in zip(told, expected, strict=True)),
        "bytes": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "words_per_second": len(asked) / seconds,
    }


def served(path: Path, words: list[str], threads: int) -> tuple[Texts, float]:
    """What a SavedModel answers, and the seconds of the quickest pass."""
    limited(threads)
    signature = tf.saved_model.load(str(path)).signatures["predict"]
    (name,) = signature.structured_input_signature[1]
    best, told = float("inf"), []  # type: float, Texts
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        told = []
        for at in range(0, len(words), BATCH):
            batch = tf.constant([[word] for word in words[at : at + BATCH]])
            told += _texts(signature(**{name: batch})["texts"])
        best = min(best, time.perf_counter() - started)
    return told, best


def _texts(answers: Any) -> Texts:
    return [[text.decode() for text in row] for row in answers.numpy()]
