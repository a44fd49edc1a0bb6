"""Peak memory of this process and its children while a step runs."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType

import psutil

_INTERVAL_SECONDS = 0.25


class PeakMemory:
    """Context manager that samples the resident memory of the process tree; read `peak_bytes` at the end."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            self._sample()

    def _sample(self) -> None:
        process = psutil.Process()
        total = process.memory_info().rss
        # A child that ends while it is looked at counts nothing.
        with contextlib.suppress(psutil.Error):
            for child in process.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += child.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, total)
