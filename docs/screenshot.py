"""Pictures of the report of the demo, for the README.

`python docs/screenshot.py [RUN]` takes a run of `examples/flights` by id or its beginning, the newest one by
default, and writes `docs/images`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from pipeline.report.screenshot import take
from pipeline.root import Root
from pipeline.runs.store import RunStore
from trainer.errors import TandemError

DOCS = Path(__file__).resolve().parent
CONFIG = DOCS.parent / "examples" / "flights" / "config.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Pictures of the report of the demo.")
    parser.add_argument("run", nargs="?", help="run id or its beginning; the newest run")
    logging.set_verbosity(logging.INFO)
    try:
        take(
            RunStore(Root.beside(CONFIG)).find(parser.parse_args(arguments).run).report_path, DOCS / "images"
        )
    except (TandemError, FileNotFoundError) as error:
        logging.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
