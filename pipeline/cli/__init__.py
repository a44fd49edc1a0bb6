"""The `tandem` command."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import traceback

_WRONG_PATH = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)


def main() -> None:
    """Entry point: runs the command and turns failures into a message and an exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from pipeline import kernels
    from pipeline.cli.app import app
    from pipeline.cli.failures import report_failure
    from trainer.errors import TandemError

    kernels.use_default()
    again = f"tandem {shlex.join(sys.argv[1:])}"
    try:
        app()
    except TandemError as error:
        # What the operating system refused once goes on with the same command.
        refused = error.exit_status == 1 and isinstance(error.__cause__, OSError)
        sys.exit(report_failure(error, following=again if refused else None))
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        wrong_path = isinstance(error, _WRONG_PATH)
        cause = TandemError(
            "CLI-002",
            f"Expected to read and write files. Received:{place} {error.strerror or error}",
            "Check the path, its permissions and the space on the disk.",
            exit_status=2 if wrong_path else 1,
        )
        sys.exit(report_failure(cause, following=None if wrong_path else again))
    except Exception as error:  # noqa: BLE001 - nobody foresaw it; the trace is kept for whoever mends it
        with tempfile.NamedTemporaryFile("w", prefix="tandem-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        cause = TandemError("CLI-900", f"Failed unexpectedly: {type(error).__name__}: {error}")
        sys.exit(report_failure(cause, log.name, again))
