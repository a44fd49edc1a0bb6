"""`tandem compile`."""

from __future__ import annotations

import glob
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import SetOption

if TYPE_CHECKING:
    from pipeline.config import Config

_MOST_PUT = 12

ConfigOption = Annotated[
    Path | None, typer.Argument(metavar="CONFIG", help="Config file (YAML).", show_default=False)
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the file goes.")]
CheckOption = Annotated[
    Path | None, typer.Option("--check", metavar="FILE", help="Check a compiled file; compile nothing.")
]


def compile_(
    config: ConfigOption = None,
    output: OutputOption = Path("pipeline.yaml"),
    check: CheckOption = None,
    overrides: SetOption = None,
) -> None:
    """Compile the pipeline for open-source Kubeflow Pipelines v2, and check the file strictly."""
    from trainer.errors import TandemError

    if (config is None) == (check is None):
        raise TandemError(
            "CLI-004",
            f"Expected a config to compile, or a file to check. Received: {'both' if config else 'neither'}",
            "Type `tandem compile CONFIG -o pipeline.yaml` or `tandem compile --check pipeline.yaml`.",
            exit_status=2,
        )
    if check is not None:
        _check(check)
        return
    assert config is not None
    _compile(config, output, overrides or [])


def _check(path: Path) -> None:
    from pipeline.kubeflow.check import load

    package = load(path)
    typer.echo(f"{path}: {len(package.kubernetes)} steps, no problem found")


def _compile(config: Path, output: Path, overrides: list[str]) -> None:
    from pipeline.cli.quiet import quiet_stderr
    from pipeline.config import load
    from trainer.errors import TandemError
    from trainer.storage import write_atomic

    loaded = load(config, overrides)
    if output.is_dir():
        raise TandemError(
            "CLI-006",
            f"Expected the name of a file for the pipeline. Received: {output}, a directory",
            "Name one, such as `-o pipeline.yaml`.",
            exit_status=2,
        )
    with quiet_stderr():
        from pipeline.kubeflow.compiler.compile import compile_config

        text = compile_config(loaded, config.resolve().parent)
    write_atomic(output, text)
    typer.echo(f"compiled  {output} ({len(text.encode()) / 1024:.0f} KiB), every check holds")
    # Rows that lie here have to lie on the state volume there.
    put = "".join(f" --put {shlex.quote(path)}" for path in _to_put(loaded, config.resolve().parent))
    typer.echo(f"next      tandem simulate {shlex.quote(str(output))}{put}")


def _to_put(config: Config, directory: Path) -> list[str]:
    """Files and directories that hold the rows, as `--put` takes them; `FILE` stands for a great many."""
    data = config.data
    split = (data.split.train_files, data.split.validation_files, data.split.eval_files)
    places = list(data.lines.values()) if data.lines else [data.path, *split]
    found: list[str] = []
    for place in places:
        if not place or place.startswith("/") or "{" in place:
            continue
        whole = (directory / place).exists() or not glob.has_magic(place)
        found += [place] if whole else sorted(glob.glob(place, root_dir=directory, recursive=True))  # noqa: PTH207
    return list(dict.fromkeys(found)) if len(found) <= _MOST_PUT else ["FILE"]
