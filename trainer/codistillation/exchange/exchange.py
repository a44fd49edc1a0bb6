"""The exchange as a training sees it: hand over, take what is there, never wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging
from numpy.typing import NDArray

from trainer.codistillation.exchange.publisher import Publisher
from trainer.codistillation.exchange.reader import Publication, Reader
from trainer.codistillation.exchange.storage import storage_at
from trainer.codistillation.exchange.transfer import TRANSFERS, stored_dtype
from trainer.errors import TandemError


class Exchange:
    """Publishes the weights of one replica and receives those of its peers, through a shared directory.

    There are no locks, barriers or ports: a replica writes in its own folder and reads the others'. One that
    is slow, dead or late makes the teachers of the others older and nothing else. Two threads do all reading
    and writing. A disk that is full, slow or gone is logged and counted, and tried again.

    Args:
        place: directory that every replica sees, or `gs://bucket/path`.
        group: name of the group, the same for all of its replicas.
        index: int in `[0, replicas)`. The own replica.
        replicas: int, at least 2.
        transfer: `"float32"`, `"float16"` or `"bfloat16"`. In what weights travel; 16 bits halve the bytes.
            Defaults to `"float32"`.
        poll_seconds: float above 0 or None. Time between two looks at the peers' folders. Defaults to `None`:
            0.1 s in a directory, 1 s in `gs://`.
        keep: int, at least 2. Publications kept in the own folder, so that a peer that reads the one before
            the newest has time to end, and finds one should the newest be damaged. Defaults to `2`.
        begin_seconds: float, at least 0. Most time that the constructor waits for the place to answer.
            Defaults to `5.0`.

    Raises:
        ValueError: if an argument is out of its range.
        TandemError: `CODIST-001` if the place belongs to another group, `CODIST-003` if it is an address of
            another kind. A place that does not answer in time is no error: it is claimed as soon as it does.

    Reference: Anil et al., 2018, arXiv:1804.03235, Section 2.1: stale weights through checkpoints.
    """

    def __init__(
        self,
        place: str,
        group: str,
        index: int,
        replicas: int,
        transfer: str = "float32",
        poll_seconds: float | None = None,
        keep: int = 2,
        begin_seconds: float = 5.0,
    ) -> None:
        if not 0 <= index < replicas or replicas < 2:
            raise ValueError(f"index must lie in [0, replicas). Received: {index=}, {replicas=}")
        if transfer not in TRANSFERS:
            raise ValueError(f"transfer must be one of {', '.join(TRANSFERS)}. Received: {transfer=}")
        if (poll_seconds is not None and poll_seconds <= 0) or keep < 2:
            raise ValueError(
                f"poll_seconds must be above 0 and keep at least 2. Received: {poll_seconds=}, {keep=}"
            )
        storage = storage_at(str(place))
        self._transfer = transfer
        self._poll_seconds = storage.look_seconds if poll_seconds is None else poll_seconds
        self._publisher = Publisher(storage, group, index, transfer, keep)
        self._readers = {peer: Reader(storage, group, peer) for peer in range(replicas) if peer != index}
        self._waiting: tuple[int, dict[str, NDArray[Any]], bool] | None = None
        self._new: dict[int, Publication] = {}
        self._error: TandemError | None = None
        self._failed = self._skipped = self._failed_looks = 0
        self._closing, self._begun = threading.Event(), threading.Event()
        # Guards what is waiting, new and wrong; wakes the writer.
        self._changed = threading.Condition()
        writer = threading.Thread(target=self._write, name="exchange-writer", daemon=True)
        reader = threading.Thread(target=self._read, name="exchange-reader", daemon=True)
        self._threads = [writer, reader]
        writer.start()
        if not self._begun.wait(begin_seconds):
            logging.warning("The exchange has not answered for %g s; the training begins.", begin_seconds)
        if self.error is not None:
            raise self.error
        reader.start()

    @property
    def error(self) -> TandemError | None:
        """Why nothing is published any more, as `publish` raises it; None if all is well."""
        with self._changed:
            return self._error

    def publish(self, step: int, arrays: Mapping[str, NDArray[Any]], finished: bool = False) -> None:
        """Hands weights over to be written, in place of older ones that still wait; returns at once.

        Weights that are not finite are not published, as nobody should be taught by them.

        Args:
            step: int, at least 0. Steps done.
            arrays: by name, of numbers. They are not copied and must not change afterwards.
            finished: whether the training has ended with them. Defaults to `False`.

        Raises:
            ValueError: if an array holds no numbers, or after `close`.
            TandemError: `CODIST-002` if another process has taken the place of this one, `CODIST-001` if it
                came out only now that the directory belongs to another group.
        """
        for array in arrays.values():
            stored_dtype(np.asarray(array), self._transfer)
        if self.error is not None:
            raise self.error
        with self._changed:
            if self._closing.is_set():
                raise ValueError("publish must come before close")
            self._skipped += self._waiting is not None
            self._waiting = (step, dict(arrays), finished)
            self._changed.notify_all()

    def arrived(self) -> list[Publication]:
        """What peers published since the last call, of each the newest; does not wait for anything."""
        with self._changed:
            found, self._new = self._new, {}
        return [found[peer] for peer in sorted(found)]

    def statistics(self) -> dict[str, Any]:
        """Counts and costs so far, as JSON.

        Returns:
            `attempt`; of writing `publications_written`, `publications_failed`, `publications_skipped` (a
            newer one came before they were written), `parts_written`, `parts_kept`, `bytes_written`,
            `seconds_writing`; of reading `publications_read`, `publications_refused`, `looks_failed`,
            `parts_read`, `bytes_read`, `seconds_reading`; `peers`: by index the newest `step`, `attempt` and
            `finished`, of those that have published.
        """
        written, reads = self._publisher.written, [reader.read for reader in self._readers.values()]
        newest = {peer: reader.newest for peer, reader in self._readers.items()}
        return {
            "attempt": self._publisher.attempt,
            "publications_written": written.publications,
            "publications_failed": self._failed,
            "publications_skipped": self._skipped,
            "parts_written": written.parts,
            "parts_kept": written.unchanged,
            "bytes_written": written.bytes,
            "seconds_writing": round(written.seconds, 6),
            "publications_read": sum(read.publications for read in reads),
            "publications_refused": sum(read.refused for read in reads),
            "looks_failed": self._failed_looks,
            "parts_read": sum(read.parts for read in reads),
            "bytes_read": sum(read.bytes for read in reads),
            "seconds_reading": round(sum(read.seconds for read in reads), 6),
            "peers": {
                str(peer): dict(zip(("step", "attempt", "finished"), found, strict=True))
                for peer, found in newest.items()
                if found is not None
            },
        }

    def close(self, seconds: float = 30.0) -> None:
        """Writes what still waits and ends the threads, after which `error` is final; may be called again.

        Args:
            seconds: float. Time for both. A thread that a hanging disk holds longer is left behind, which
                does not keep the process from ending. Defaults to `30.0`.
        """
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            logging.warning("The exchange had %g s to end. Left behind: %s", seconds, ", ".join(left))

    def _begin(self) -> None:
        """In the thread: a mount that hangs holds up nobody else."""
        try:
            self._publisher.begin()
        except TandemError as error:
            with self._changed:
                self._error = error
        except Exception as error:  # noqa: BLE001 - it is tried again with the first publication
            logging.warning("The exchange cannot be reached now and is tried again: %s", error)
        self._begun.set()

    def _write(self) -> None:
        self._begin()
        while self.error is None:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._closing.is_set())
                given, self._waiting = self._waiting, None
            if given is None:
                return
            try:
                self._publisher.publish(*given)
            except TandemError as error:
                logging.error("%s", error)
                with self._changed:
                    self._error = error
            except Exception as error:  # noqa: BLE001 - peers without news of this replica go on, so it does too
                logging.error("Step %d is not published, the next one is tried: %s", given[0], error)
                self._failed += 1
            # Or a model's weights would be held until the next ones come.
            given = None

    def _read(self) -> None:
        failing: set[int] = set()
        while not self._closing.is_set():
            for peer, reader in self._readers.items():
                if self._closing.is_set():
                    break
                try:
                    found = reader.look()
                except Exception as error:  # noqa: BLE001 - whatever a peer's files hold, the training goes on
                    self._failed_looks += 1
                    if peer not in failing:
                        logging.warning("Replica %d cannot be read and is tried again: %s", peer, error)
                    failing.add(peer)
                    continue
                failing.discard(peer)
                if found is not None:
                    with self._changed:
                        self._new[peer] = found
            self._closing.wait(self._poll_seconds)
