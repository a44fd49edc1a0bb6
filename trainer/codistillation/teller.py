"""Tells how a training is, from a thread of its own."""

from __future__ import annotations

import threading
from pathlib import Path

from absl import logging

from trainer.spec import Json
from trainer.storage import write_json


class Teller:
    """Writes the newest of what it is given to a file; who gives it never waits for the disk.

    Nothing is written that was not given: a training that hangs becomes quiet. The file appears whole, but a
    power failure may lose it. A failure to write is logged.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: Json | None = None
        self._closing = False
        # Guards both of them; wakes the thread.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def tell(self, content: Json) -> None:
        """Hands content over in place of what still waits; returns at once."""
        with self._changed:
            self._waiting = content
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="progress-writer", daemon=True)
            self._thread.start()

    def close(self, seconds: float) -> None:
        """Writes what still waits and ends the thread, which is left behind if that takes longer.

        Args:
            seconds: float. Time for both.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(seconds)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._closing)
                content, self._waiting = self._waiting, None
            if content is None:
                return
            try:
                write_json(self._path, content, durable=False)
            except Exception as error:  # noqa: BLE001 - a training goes on untold
                logging.warning("%s cannot be written: %s", self._path.name, error)
