"""What a publication consists of: the one file that makes its parts a whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from trainer.codistillation.exchange.transfer import TRANSFERS, width
from trainer.errors import TandemError

FORMAT = 1
_NAME = re.compile(r"manifest-(\d{1,18})-(\d{1,18})\.json")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Where the bytes of a tensor lie.

    Args:
        part: SHA-256 of the part, in hexadecimal.
        offset: int. First byte in the part.
        dtype: type in which it travels.
        shape: lengths of the axes.
    """

    part: str
    offset: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of it."""
        return math.prod(self.shape) * width(self.dtype)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """One publication of one replica.

    Args:
        group: name of the group.
        replica: int, its index.
        attempt: int, from 1. Which start of the replica published this.
        token: name of the process that published, random.
        step: int. Steps done.
        finished: whether the replica's training has ended with it.
        time: seconds since 1970 by the writer's clock. For people only: nothing is decided by it.
        transfer: type in which floating-point numbers travel.
        tensors: where each tensor lies, by name.
        parts: bytes of each part by its SHA-256.
    """

    group: str
    replica: int
    attempt: int
    token: str
    step: int
    finished: bool
    time: float
    transfer: str
    tensors: Mapping[str, Tensor]
    parts: Mapping[str, int]

    @property
    def name(self) -> str:
        """Its file, below the exchange's directory."""
        return f"{folder_of(self.replica)}/manifest-{self.attempt:06d}-{self.step:012d}.json"


def folder_of(replica: int) -> str:
    """Folder of a replica's publications, below the exchange's directory."""
    return f"replica-{replica}"


def part_name(replica: int, digest: str) -> str:
    """File of a part, below the exchange's directory."""
    return f"{folder_of(replica)}/{digest}.part"


def manifests_among(names: Iterable[str]) -> list[tuple[int, int, str]]:
    """Attempt, step and name of those files of a folder that are manifests by their names, newest first.

    Example:
        >>> manifests_among(["manifest-1-90.json", "manifest-2-5.json", ".manifest-3-5.json.x", "ab.part"])
        [(2, 5, 'manifest-2-5.json'), (1, 90, 'manifest-1-90.json')]
    """
    found = [(int(match[1]), int(match[2]), name) for name in names if (match := _NAME.fullmatch(name))]
    return sorted(found, reverse=True)


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as JSON of one line, with the SHA-256 of all the rest in it."""
    return _sealed({"format": FORMAT, **dataclasses.asdict(manifest)})


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _sealed(content: Mapping[str, Any]) -> bytes:
    return _line({**content, "sha256": hashlib.sha256(_line(content)).hexdigest()})


def not_whole(name: str, cause: str) -> TandemError:
    """The error of a publication that cannot be used as it is."""
    return TandemError("CODIST-004", f"Expected a whole publication. Received: file={name} ({cause})")


def decode_manifest(name: str, data: bytes) -> Manifest:
    """Reads a manifest; it is exactly what `encode_manifest` wrote.

    Args:
        name: its file, below the exchange's directory.
        data: content of it.

    Raises:
        TandemError: `CODIST-004` if a byte of it is missing or changed, or if it says what cannot be.
    """
    try:
        content = json.loads(data)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"not of format {FORMAT}")
        content.pop("sha256")
        if _sealed(content) != data:
            raise ValueError("SHA-256 differs")
        content.pop("format")
        tensors = {key: _tensor(value) for key, value in content.pop("tensors").items()}
        manifest = Manifest(tensors=tensors, **content)
        _check(manifest)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise not_whole(name, f"unreadable: {error}") from error
    if manifests_among([name.rpartition("/")[2]])[:1] != [
        (manifest.attempt, manifest.step, manifest.name.rpartition("/")[2])
    ] or not name.startswith(f"{folder_of(manifest.replica)}/"):
        raise not_whole(name, f"it belongs in {manifest.name}")
    return manifest


def _tensor(value: Mapping[str, Any]) -> Tensor:
    return Tensor(**{**value, "shape": tuple(value["shape"])})


def _counts(*values: Any) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _check(manifest: Manifest) -> None:
    texts = (manifest.group, manifest.token, *manifest.tensors)
    sane = (
        all(type(text) is str for text in texts)
        and _counts(manifest.replica, manifest.attempt, manifest.step, *manifest.parts.values())
        and type(manifest.finished) is bool
        and type(manifest.time) in (int, float)
        and manifest.transfer in TRANSFERS
        and all(_DIGEST.fullmatch(part) for part in manifest.parts)
    )
    if not sane:
        raise ValueError("a field of another type")
    for name, tensor in manifest.tensors.items():
        if not _counts(tensor.offset, *tensor.shape) or tensor.part not in manifest.parts:
            raise ValueError(f"tensor {name!r} lies nowhere")
        if tensor.offset + tensor.size > manifest.parts[tensor.part]:
            raise ValueError(f"tensor {name!r} lies outside of its part")
