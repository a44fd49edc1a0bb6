"""Log files of steps: everything that libraries log goes to the step's file, not to the terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from absl import logging as absl_logging

from trainer.faults import point

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@contextmanager
def to_file(path: Path, verbose: bool = False) -> Iterator[None]:
    """Sends logging, warnings and what any code writes to stderr into `path` while a step runs.

    Args:
        path: log file, appended to.
        verbose: leave the terminal's handlers in place. Defaults to `False`.
    """
    point("logs.open", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    # absl keeps a threshold of its own, above INFO until something lowers it.
    absl_level = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.INFO)
    logging.captureWarnings(True)
    root.handlers = [*before, handler] if verbose else [handler]
    root.setLevel(logging.INFO)
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        if not verbose:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        root.handlers = before
        absl_logging.set_verbosity(absl_level)
        root.setLevel(level)
        logging.captureWarnings(False)
        handler.close()
        file.close()
