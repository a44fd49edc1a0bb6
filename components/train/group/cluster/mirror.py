"""What the cluster has of a group, kept current by a watch."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from absl import logging

from components.train.group.cluster.api import Api, Document, Expired
from components.train.group.cluster.steady import PASSING
from trainer.errors import TandemError

_LONGEST_PAUSE_SECONDS = 15.0
# An answer that ends sooner than this without a word is one of a server in trouble.
_SHORT_SECONDS = 1.0


class Mirror:
    """Objects of one kind by label, current within moments.

    A watch that ends or breaks goes on from the last version that it saw; where the server no longer knows
    that version everything is listed anew. While the API does not answer the last known objects stand.

    Args:
        api: the cluster.
        kind: `jobs` or `pods`.
        labels: label selector.
        watch_seconds: longest time of one answer. Defaults to `60`.
        forgive_seconds: how long the server may refuse what it has allowed before. Defaults to `300.0`.
        note: called with every object as it is seen, since a state may last for moments only. Defaults to
            `None`.

    Raises:
        TandemError: if the first list fails.
    """

    def __init__(
        self,
        api: Api,
        kind: str,
        labels: str,
        watch_seconds: int = 60,
        forgive_seconds: float = 300.0,
        note: Callable[[Document], None] | None = None,
    ) -> None:
        self._api, self._kind, self._labels = api, kind, labels
        self._seconds, self._forgive_seconds, self._note = watch_seconds, forgive_seconds, note
        self._lock = threading.Lock()
        self._objects: dict[str, Document] = {}
        self._error: TandemError | None = None
        self._closed = threading.Event()
        self._version: str | None = self._list()
        self._thread = threading.Thread(target=self._run, name=f"watch-{kind}", daemon=True)
        self._thread.start()

    def objects(self) -> list[Document]:
        """The objects, by name.

        Raises:
            TandemError: that of the watch, if it has given up: no rights.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            return [self._objects[name] for name in sorted(self._objects)]

    def close(self) -> None:
        """Ends the watch; its open answer is left to run out."""
        self._closed.set()

    def _list(self) -> str:
        found, version = self._api.list(self._kind, self._labels)
        with self._lock:
            self._objects = {one["metadata"]["name"]: one for one in found}
        if self._note is not None:
            for one in found:
                self._note(one)
        return version

    def _run(self) -> None:
        pause, good_at = 0.0, -math.inf
        while not self._closed.wait(pause):
            try:
                if self._version is None:
                    self._version = self._list()
                began = time.monotonic()
                lives = self._follow() or time.monotonic() - began >= _SHORT_SECONDS
                good_at = time.monotonic()
                pause = 0.0 if lives else min(max(0.05, 2 * pause), _LONGEST_PAUSE_SECONDS)
            except Expired:
                logging.info("The watch of %s starts anew: its version has expired.", self._kind)
                self._version, pause = None, min(max(0.05, 2 * pause), _LONGEST_PAUSE_SECONDS)
            except TandemError as error:
                if error.code not in PASSING and time.monotonic() - good_at >= self._forgive_seconds:
                    with self._lock:
                        self._error = error
                    return
                logging.warning("The watch of %s is tried again: %s", self._kind, error.message)
                self._version, pause = None, min(max(0.5, 2 * pause), _LONGEST_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001
                # Whatever it is: without this thread the last known would stand for ever.
                logging.exception("The watch of %s starts anew: %s", self._kind, type(error).__name__)
                self._version, pause = None, 1.0

    def _follow(self) -> bool:
        """Takes in the events of one answer; tells whether there were any."""
        seen = False
        assert self._version is not None
        for event in self._api.watch(self._kind, self._labels, self._version, self._seconds):
            if self._closed.is_set():
                return True
            seen = True
            told = event["object"]
            self._version = str(told["metadata"]["resourceVersion"])
            with self._lock:
                if event["type"] == "DELETED":
                    self._objects.pop(told["metadata"]["name"], None)
                elif event["type"] != "BOOKMARK":
                    self._objects[told["metadata"]["name"]] = told
            if self._note is not None and event["type"] != "BOOKMARK":
                self._note(told)
        return seen
