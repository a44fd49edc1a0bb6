"""The project's training step with a large embedding table.

    python -m benchmarks.training.table_size DIRECTORY PLACE ROWS DRAW THREADS

With PLACE `column` the flights model gets one more column whose embedding has ROWS rows of 16 numbers; with
`every` the embeddings of all its columns have 16 numbers and share a table of ROWS rows. Ids of these columns
are drawn anew before each turn, so no row is in the processor's cache because an earlier turn left it there.
DRAW is `uniform`, the same number of different rows whatever ROWS, or `zipf`, where the row of rank `r` has a
probability of about `1/r`: the larger the table, the more different rows a batch holds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.training.keras_model import stepped
from benchmarks.training.worker import Block, read, serve, use_cores

WIDTH = 16
UNIFORM_ROWS = {"column": 512, "every": 128}
"""Different rows in a batch for each column."""


def drawn(shape: tuple[int, ...], size: int, draw: str, different: int) -> NDArray[np.int32]:
    """Ids `(steps, batch, columns)` in `[0, size)`."""
    rng = np.random.default_rng()
    steps, batch, columns = shape
    if draw == "zipf":
        ranks = np.floor(float(size) ** rng.random(shape)).astype(np.int64) - 1
        scattered: NDArray[np.int64] = (
            ranks * 2_654_435_761 % size
        )  # prime, so each rank has a row of its own
        return scattered.astype(np.int32)
    ids = np.empty(shape, np.int32)
    for step, column in np.ndindex(steps, columns):
        rows = rng.choice(size, min(different, batch), replace=False, shuffle=False)
        ids[step, :, column] = rng.permutation(np.resize(rows, batch))
    return ids


def enlarged(settings: dict[str, Any], place: str, rows: int) -> tuple[dict[str, Any], int, int]:
    """The settings of the larger model, the number of its large columns and the rows of each."""
    features = settings["features"]
    if place == "column":
        large = {"name": "large", "size": rows, "dim": WIDTH, "vocabulary": None}
        return {**settings, "features": {**features, "deep": [*features["deep"], large]}}, 1, rows
    columns = len(features["deep"])
    size = rows // columns
    deep = [{**column, "size": size, "dim": WIDTH} for column in features["deep"]]
    return {**settings, "features": {**features, "deep": deep}}, columns, size


def main(arguments: list[str]) -> None:
    """Takes turns."""
    directory, place, rows, draw, threads = Path(arguments[0]), *arguments[1:]
    use_cores(int(threads))
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    settings, blocks = read(directory)
    settings, columns, size = enlarged(settings, place, int(rows))
    steps, batch, known = blocks[0]["deep_ids"].shape
    block: Block = dict(blocks[0])
    found = {"rows": 0}

    def before() -> None:
        ids = drawn((steps, batch, columns), size, draw, UNIFORM_ROWS[place])
        found["rows"] = sum(len(np.unique(ids[0, :, column])) for column in range(columns))
        block["deep_ids"] = ids if columns == known else np.concatenate([blocks[0]["deep_ids"], ids], 2)

    before()
    trained = stepped(settings, [block], "ours")

    def turn(number: int) -> dict[str, Any]:
        return {**found, "loss": trained(number)}

    serve(turn, before)


if __name__ == "__main__":
    main(sys.argv[1:])
