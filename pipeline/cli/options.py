"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.root import DEFAULT_NAME, Root

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG", help="Config file (YAML).")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a field, for example train.epochs=3."),
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="DIR", help=f"Where runs and models are kept; {DEFAULT_NAME} beside the config."
    ),
]
RunArgument = Annotated[
    str | None, typer.Argument(metavar="RUN", help="Run id or its beginning; the newest run.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]


def existing_root(given: Path | None) -> Root:
    """The root to look into: `given`, or the nearest `.tandem` in this directory, or one directly below it.

    Raises:
        TandemError: `CLI-001` if there is none or more than one.
    """
    from trainer.errors import TandemError

    if given is not None:
        found = [given] if given.is_dir() else []
    else:
        here = Path.cwd()
        found = (
            [here / DEFAULT_NAME]
            if (here / DEFAULT_NAME).is_dir()
            else sorted(here.glob(f"*/{DEFAULT_NAME}"))
        )
        found = found or sorted(here.glob(f"examples/*/{DEFAULT_NAME}"))
    if len(found) != 1:
        raise TandemError(
            "CLI-001",
            f"Expected one root directory. Received: {', '.join(map(str, found)) or given or 'none'}"
            + (", which does not exist" if given else ""),
            "Name it with --root DIR; `tandem run CONFIG` makes one beside the config.",
            exit_status=2,
        )
    return Root(found[0].resolve())
