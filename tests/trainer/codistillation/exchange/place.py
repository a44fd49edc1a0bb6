"""Weights, and the two ends of an exchange without their threads; child processes use it too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.codistillation.exchange import Publication
from trainer.codistillation.exchange.local import LocalStorage
from trainer.codistillation.exchange.publisher import Publisher
from trainer.codistillation.exchange.reader import Reader

TABLE_ROWS = 1 << 18


def weights(seed: int, table: int | None = None) -> dict[str, NDArray[Any]]:
    """Small tensors of a seed, each value of them another; with `table` also one of 1 MiB of that seed."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, NDArray[Any]] = {
        "kernel": rng.normal(size=(3, 2)).astype(np.float32),
        "bias": rng.normal(size=2).astype(np.float32),
        "count": np.array(seed, np.int64),
    }
    if table is not None:
        arrays["table"] = np.random.default_rng(table).normal(size=(TABLE_ROWS, 1)).astype(np.float32)
    return arrays


def publisher(place: Path, index: int = 0, group: str = "g", **options: Any) -> Publisher:
    return Publisher(LocalStorage(place), group, index, **options)


def reader(place: Path, peer: int = 0, group: str = "g") -> Reader:
    return Reader(LocalStorage(place), group, peer)


def publish(place: Path, *steps: int, **options: Any) -> Publisher:
    """One start of replica 0 that publishes `weights(step)` at each step."""
    replica = publisher(place, **options)
    for step in steps:
        replica.publish(step, weights(step))
    return replica


def same(publication: Publication | None, arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether exactly these arrays arrived, in every bit."""
    return (
        publication is not None
        and publication.arrays.keys() == arrays.keys()
        and all(
            (value.dtype, value.shape, value.tobytes())
            == (arrays[name].dtype, arrays[name].shape, arrays[name].tobytes())
            for name, value in publication.arrays.items()
        )
    )


def manifest(place: Path, step: int, attempt: int = 1, index: int = 0) -> Path:
    return place / f"replica-{index}" / f"manifest-{attempt:06d}-{step:012d}.json"


def part(place: Path, arrays: Mapping[str, NDArray[Any]], index: int = 0) -> Path:
    """The file that holds these arrays together."""
    content = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    return place / f"replica-{index}" / f"{hashlib.sha256(content).hexdigest()}.part"
