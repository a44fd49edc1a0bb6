"""What storing in 8 bits saved and cost, as numbers for the training record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from trainer.quantisation.stored import StoredWeights

FLOAT32_DIRECTORY = "float32"
"""Beside the served model in the output of a training: the same model with float32 weights."""


def report(
    kind: Literal["after", "aware"], stored: StoredWeights, int8_dir: str | Path, float32_dir: str | Path
) -> dict[str, Any]:
    """Sizes and errors.

    Args:
        kind: of `model.sequence.quantisation`.
        stored: the weights of the int8 model.
        int8_dir: SavedModel with int8 weights.
        float32_dir: the same model with float32 weights.

    Returns:
        `kind`; `bytes` and `float32_bytes` of all files; `weights_bytes` and `float32_weights_bytes`;
        `weights_in_int8`, a number of weights; `largest_error`, relative to the largest weight of its tensor.
    """
    return {
        "kind": kind,
        "bytes": _size(Path(int8_dir)),
        "float32_bytes": _size(Path(float32_dir)),
        "weights_bytes": _size(Path(int8_dir) / "variables"),
        "float32_weights_bytes": _size(Path(float32_dir) / "variables"),
        "weights_in_int8": stored.weights_in_int8,
        "largest_error": stored.largest_error(),
    }


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
