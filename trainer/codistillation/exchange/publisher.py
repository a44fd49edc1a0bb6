"""Writes the publications of one replica and removes old ones."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Mapping
from typing import Any

from absl import logging
from numpy.typing import NDArray

from trainer.codistillation.exchange.claim import claim
from trainer.codistillation.exchange.manifest import (
    Manifest,
    Tensor,
    decode_manifest,
    encode_manifest,
    folder_of,
    manifests_among,
    part_name,
)
from trainer.codistillation.exchange.parts import parts_of
from trainer.codistillation.exchange.storage import Storage
from trainer.errors import TandemError


@dataclasses.dataclass
class Written:
    """What was written so far.

    Args:
        publications: int. Defaults to `0`.
        parts: int. Defaults to `0`.
        unchanged: int. Parts that were there already. Defaults to `0`.
        bytes: int. Of parts and manifests. Defaults to `0`.
        seconds: float. Defaults to `0.0`.
    """

    publications: int = 0
    parts: int = 0
    unchanged: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Publisher:
    """The only writer of a replica's folder, as long as no other process stands for the same replica.

    Parts come first and the manifest last, so that a manifest names nothing that is not there. A part is
    named after its content: one that did not change since this process wrote it is not written again.

    Args:
        storage: the exchange's place.
        group: name of the group.
        index: int, the replica.
        transfer: `"float32"`, `"float16"` or `"bfloat16"`. Defaults to `"float32"`.
        keep: int, at least 1. Publications kept. Defaults to `2`.
    """

    def __init__(
        self, storage: Storage, group: str, index: int, transfer: str = "float32", keep: int = 2
    ) -> None:
        self.written = Written()
        self.attempt: int | None = None
        self.token = uuid.uuid4().hex
        self._storage = storage
        self._group = group
        self._index = index
        self._transfer = transfer
        self._keep = keep
        self._mine: set[str] = set()
        self._removable: set[str] = set()

    def begin(self) -> None:
        """Claims the place and takes the next attempt; only the first call does anything.

        Raises:
            TandemError: `CODIST-001` if the place belongs to another group.
            OSError: if the storage fails; then the next call tries again.
        """
        if self.attempt is not None:
            return
        claim(self._storage, self._group)
        self._storage.tidy("")
        self._storage.tidy(folder_of(self._index))
        names = self._storage.names(folder_of(self._index))
        self._removable |= {name for name in names if name.endswith(".part")}
        self.attempt = max([0, *(attempt for attempt, _, _ in manifests_among(names))]) + 1

    def publish(self, step: int, arrays: Mapping[str, NDArray[Any]], finished: bool = False) -> None:
        """Writes a publication, then removes what the kept ones do not need.

        Args:
            step: int. Steps done.
            arrays: by name, of numbers.
            finished: whether the training has ended. Defaults to `False`.

        Raises:
            TandemError: `CODIST-001` as `begin`, `CODIST-002` if a later process stands for this replica.
            ValueError: if a weight is not finite. Nothing was published.
            OSError: if the storage fails. What was published before stays.
        """
        self.begin()
        self._raise_if_replaced()
        started = time.perf_counter()
        try:
            self._write(step, arrays, finished)
        finally:
            self.written.seconds += time.perf_counter() - started
            # After a failure too: the parts that nothing names may be what fills the disk.
            try:
                self._collect()
            except OSError as error:
                logging.warning("Old publications stay for now: %s", error)

    def _write(self, step: int, arrays: Mapping[str, NDArray[Any]], finished: bool) -> None:
        tensors: dict[str, Tensor] = {}
        parts: dict[str, int] = {}
        for part in parts_of(arrays, self._transfer):
            tensors |= part.tensors
            parts[part.digest] = len(part.content)
            name = part_name(self._index, part.digest)
            # One that another hand removed or cut off is written again.
            if part.digest in self._mine and self._storage.size(name) == len(part.content):
                self.written.unchanged += 1
                continue
            self._removable.add(f"{part.digest}.part")
            self._storage.write(name, part.content)
            self._mine.add(part.digest)
            self.written.parts += 1
            self.written.bytes += len(part.content)
        assert self.attempt is not None
        manifest = Manifest(
            group=self._group,
            replica=self._index,
            attempt=self.attempt,
            token=self.token,
            step=step,
            finished=finished,
            time=round(time.time(), 3),
            transfer=self._transfer,
            tensors=tensors,
            parts=parts,
        )
        content = encode_manifest(manifest)
        self._storage.write(manifest.name, content)
        self.written.bytes += len(content)
        self.written.publications += 1

    def _manifests(self, least_attempt: int = 0) -> list[tuple[str, Manifest | None]]:
        """Files and manifests of the own folder, newest first; None for what is damaged."""
        folder = folder_of(self._index)
        found: list[tuple[str, Manifest | None]] = []
        for attempt, _, file in manifests_among(self._storage.names(folder)):
            name = f"{folder}/{file}"
            if attempt < least_attempt or (data := self._storage.read(name)) is None:
                continue
            try:
                found.append((name, decode_manifest(name, data)))
            except TandemError:
                found.append((name, None))
        return found

    def _raise_if_replaced(self) -> None:
        assert self.attempt is not None
        own = (self.attempt, self.token)
        for name, manifest in self._manifests(self.attempt):
            # Two that started in the same moment took the same attempt: the greater token goes on.
            if manifest and manifest.group == self._group and (manifest.attempt, manifest.token) > own:
                raise TandemError(
                    "CODIST-002",
                    f"Expected to be the only process of replica {self._index}. Received: file={name} of a "
                    f"process that started after this one (attempt={self.attempt})",
                    "Leave the training to that process; nothing of it is lost by ending this one.",
                )

    def _collect(self) -> None:
        """Manifests go before the parts that they name, so that none is left that names what is gone."""
        kept: list[Manifest] = []
        foreign: list[Manifest] = []
        for name, manifest in self._manifests():
            if manifest and manifest.group != self._group:
                foreign.append(manifest)
            elif manifest and len(kept) < self._keep:
                kept.append(manifest)
            else:
                self._storage.remove(name)
        named = {f"{digest}.part" for manifest in (*kept, *foreign) for digest in manifest.parts}
        folder = folder_of(self._index)
        # Parts of which this process knows nothing may be those that another is about to name.
        for file in sorted(self._removable - named):
            self._storage.remove(f"{folder}/{file}")
            self._removable.discard(file)
            self._mine.discard(file.removesuffix(".part"))
