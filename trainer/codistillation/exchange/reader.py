"""Finds and reads the newest whole publication of one peer."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging
from numpy.typing import NDArray

from trainer.codistillation.exchange.manifest import (
    Manifest,
    decode_manifest,
    folder_of,
    manifests_among,
    not_whole,
    part_name,
)
from trainer.codistillation.exchange.storage import Storage
from trainer.codistillation.exchange.transfer import decode, is_weights
from trainer.errors import TandemError

# As often a publication may be replaced by a newer one while it is read.
_TRIES = 5
_LONGEST_PAUSE = 64


@dataclasses.dataclass(frozen=True)
class Publication:
    """The whole weights of one replica at a step.

    Args:
        replica: int, which one published them.
        attempt: int, from 1. Which start of that replica.
        step: int. Steps it had done.
        finished: whether its training has ended with them.
        arrays: by name, not to be written to. Floating-point numbers are float32, others as published.
    """

    replica: int
    attempt: int
    step: int
    finished: bool
    arrays: Mapping[str, NDArray[Any]]


@dataclasses.dataclass
class Read:
    """What was read so far.

    Args:
        publications: int. Defaults to `0`.
        refused: int. Times that one was found not whole. Defaults to `0`.
        parts: int. Defaults to `0`.
        unchanged: int. Parts that were at hand already. Defaults to `0`.
        bytes: int. Of parts. Defaults to `0`.
        seconds: float. Defaults to `0.0`.
    """

    publications: int = 0
    refused: int = 0
    parts: int = 0
    unchanged: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Reader:
    """Reads a peer's folder while the peer writes and removes in it; no clock decides anything.

    A publication that is damaged is left alone and the one before it used. It is looked at again after one
    call, two, four, ... up to 64, as a file may become visible late.

    Args:
        storage: the exchange's place.
        group: name of the group; what another one published is no peer's.
        peer: int, the replica that is read.
    """

    def __init__(self, storage: Storage, group: str, peer: int) -> None:
        self.read = Read()
        # Step, attempt and whether it was the last; the weights are the taker's to keep.
        self.newest: tuple[int, int, bool] | None = None
        self._storage = storage
        self._group = group
        self._peer = peer
        self._key = (0, -1)
        self._manifest: bytes | None = None
        self._parts: dict[str, bytes] = {}
        # What this look has read so far: tables stay the same from one publication to the next.
        self._tried: dict[str, bytes] = {}
        # Content, calls until the next look and length of the next pause, by name.
        self._refused: dict[str, tuple[bytes, int, int]] = {}

    def look(self) -> Publication | None:
        """The newest whole publication by (attempt, step), None if it was returned before or there is none.

        Raises:
            OSError: if the folder cannot be listed.
        """
        self._refused = {
            name: (data, calls - 1, pause) for name, (data, calls, pause) in self._refused.items()
        }
        started = time.perf_counter()
        try:
            for _ in range(_TRIES):
                moved, found = self._search()
                if not moved:
                    return found
            return None
        finally:
            self._tried = {}
            self.read.seconds += time.perf_counter() - started

    def _search(self) -> tuple[bool, Publication | None]:
        """Whether the writer removed what was being read, and what was found."""
        folder = folder_of(self._peer)
        listed = [
            ((attempt, step), f"{folder}/{file}")
            for attempt, step, file in manifests_among(self._storage.names(folder))
        ]
        if all(attempt < self._key[0] for (attempt, _), _ in listed):
            # The folder was emptied, so the peer counts from 1 again.
            self._key = (0, -1)
        names = {name for _, name in listed}
        self._refused = {name: refusal for name, refusal in self._refused.items() if name in names}
        for key, name in listed:
            if key < self._key:
                break
            data = b""
            try:
                content = self._storage.read(name)
                if content is None:
                    return True, None
                data = content
                if data == self._manifest:
                    self._key = key
                    break
                if self._paused(name, data):
                    continue
                manifest = decode_manifest(name, data)
                if manifest.group != self._group:
                    continue
                arrays, self._parts = self._arrays(name, manifest)
            except (TandemError, OSError) as error:
                if self._gone(name):
                    return True, None
                self._refuse(name, data, error)
                continue
            self._key, self._manifest = key, data
            self.read.publications += 1
            self.newest = (manifest.step, manifest.attempt, manifest.finished)
            return False, Publication(self._peer, *key, manifest.finished, arrays)
        return False, None

    def _arrays(self, name: str, manifest: Manifest) -> tuple[dict[str, NDArray[Any]], dict[str, bytes]]:
        parts = {digest: self._part(name, digest, size) for digest, size in manifest.parts.items()}
        arrays = {}
        for key, tensor in manifest.tensors.items():
            data = memoryview(parts[tensor.part])[tensor.offset : tensor.offset + tensor.size]
            try:
                arrays[key] = decode(data, tensor.dtype, tensor.shape)
            except (ValueError, OverflowError) as error:
                raise not_whole(name, f"tensor {key!r}: {error}") from error
            if is_weights(arrays[key]) and not np.isfinite(arrays[key]).all():
                raise not_whole(name, f"tensor {key!r} is not finite")
        return arrays, parts

    def _part(self, name: str, digest: str, size: int) -> bytes:
        known = self._parts.get(digest, self._tried.get(digest))
        if known is not None:
            self.read.unchanged += 1
            return known
        file = part_name(self._peer, digest)
        # First the size: a damaged manifest may name anything, and reading takes the memory of all of it.
        found = self._storage.size(file)
        data = self._storage.read(file) if found == size else None
        if data is None:
            raise not_whole(name, f"part {digest[:12]} has {found} of {size} bytes")
        if hashlib.sha256(data).hexdigest() != digest:
            raise not_whole(name, f"part {digest[:12]} has another SHA-256")
        self.read.parts += 1
        self.read.bytes += size
        self._tried[digest] = data
        return data

    def _gone(self, name: str) -> bool:
        folder, _, file = name.rpartition("/")
        try:
            # Not by its size: TensorFlow keeps for seconds what it knows of an object.
            return file not in self._storage.names(folder)
        except OSError:
            return False

    def _paused(self, name: str, data: bytes) -> bool:
        refusal = self._refused.get(name)
        return refusal is not None and refusal[0] == data and refusal[1] > 0

    def _refuse(self, name: str, data: bytes, error: Exception) -> None:
        before = self._refused.get(name)
        again = before is not None and before[0] == data
        pause = before[2] if before is not None and again else 1
        self._refused[name] = (data, pause, min(2 * pause, _LONGEST_PAUSE))
        self.read.refused += 1
        if not again:
            logging.warning("%s The one before it is used, if there is one.", error)
