"""The `tandem` command."""

from __future__ import annotations

import os
import sys

_WRONG_PATH = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)


def main() -> None:
    """Entry point: runs the command and turns failures into a message and an exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The in-memory Beam runner needs no worker processes and the metrics library no GPU probe.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    from pipeline.cli.app import app
    from pipeline.cli.failures import report_failure
    from trainer.errors import TandemError

    try:
        app()
    except TandemError as error:
        sys.exit(report_failure(error))
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        cause = TandemError(
            "CLI-002",
            f"Expected to read and write files. Received:{place} {error.strerror or error}",
            "Check the path, its permissions and the space on the disk.",
            exit_status=2 if isinstance(error, _WRONG_PATH) else 1,
        )
        sys.exit(report_failure(cause))
