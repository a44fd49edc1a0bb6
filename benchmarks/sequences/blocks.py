"""Batches in a file, the same for every trainer. Imports NumPy alone, as peers elsewhere use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FILE, SETTINGS = "sequences.npz", "sequences.json"
BLOCKS, STEPS = 3, 12
"""Blocks of batches that turns take one after the other, and batches in each."""
PADDING, BEGIN, END = 0, 1, 2


class Size(NamedTuple):
    """Of the Transformers that are compared."""

    width: int
    heads: int
    feed_forward: int
    encoders: int
    decoders: int


SIZES = {"small": Size(128, 4, 512, 3, 1), "large": Size(256, 4, 1024, 3, 3)}
DROPOUT, RATE, SMOOTHING, CLIP = 0.1, 1e-3, 0.1, 1.0

Batch = dict[str, NDArray[Any]]
"""`source_ids` and `target_ids` int32 `(batch, units)` without begin and end, and `weight` `(batch,)`."""


def write(directory: Path, blocks: list[list[Batch]], settings: dict[str, Any]) -> None:
    """Writes blocks of batches and what the trainers are told."""
    arrays = {
        f"{block}/{step}/{name}": values
        for block, batches in enumerate(blocks)
        for step, batch in enumerate(batches)
        for name, values in batch.items()
    }
    np.savez(directory / FILE, **arrays)
    (directory / SETTINGS).write_text(json.dumps(settings))


def read(directory: Path) -> tuple[dict[str, Any], list[list[Batch]]]:
    """What `write` wrote."""
    settings: dict[str, Any] = json.loads((directory / SETTINGS).read_text())
    found: dict[int, dict[int, Batch]] = {}
    with np.load(directory / FILE) as held:
        for key in held.files:
            block, step, name = key.split("/")
            found.setdefault(int(block), {}).setdefault(int(step), {})[name] = held[key]
    return settings, [[batches[step] for step in sorted(batches)] for _, batches in sorted(found.items())]


def tokens(batches: list[Batch]) -> int:
    """Units of both sides and ends of the targets, padding not counted.

    Example:
        >>> tokens([{"source_ids": np.array([[5, 6, 0]]), "target_ids": np.array([[4, 0]])}])
        4
    """
    return sum(
        int((batch["source_ids"] != PADDING).sum() + (batch["target_ids"] != PADDING).sum())
        + int((batch["target_ids"][:, 0] != PADDING).sum())
        for batch in batches
    )


def forced(target_ids: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """What a decoder is given and asked for, `(batch, units + 1)` each; nothing in rows of padding.

    Example:
        >>> given, asked = forced(np.array([[7, 8], [9, 0], [0, 0]]))
        >>> given.tolist(), asked.tolist()
        ([[1, 7, 8], [1, 9, 0], [1, 0, 0]], [[7, 8, 2], [9, 2, 0], [0, 0, 0]])
    """
    rows = len(target_ids)
    given = np.concatenate([np.full((rows, 1), BEGIN, target_ids.dtype), target_ids], 1)
    asked = np.concatenate([target_ids, np.zeros((rows, 1), target_ids.dtype)], 1)
    lengths = (target_ids != PADDING).sum(1)
    held = np.flatnonzero(lengths)
    asked[held, lengths[held]] = END
    return given, asked
