"""`tandem evaluate` and `tandem decode`: jobs beside a training, which read its checkpoints."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.options import JsonOption, RootOption

TargetArgument = Annotated[
    str, typer.Argument(metavar="CONFIG|RUN", help="Config file, for its newest run, or a run id.")
]
SplitOption = Annotated[
    Literal["validation", "eval"], typer.Option("--split", help="Which examples.", case_sensitive=False)
]
WatchOption = Annotated[
    bool, typer.Option("--watch", help="Go on with each new checkpoint until the training ends.")
]
EveryOption = Annotated[
    float, typer.Option("--every", metavar="SECONDS", min=0.1, help="With --watch, how often to look.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="COUNT", min=1, help="Most sources, the first ones; all.")
]


def evaluate(
    target: TargetArgument,
    split: SplitOption = "validation",
    watch: WatchOption = False,
    every: EveryOption = 10.0,
    limit: LimitOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Loss and metrics of the checkpoints of a training, beside it or after it (sequence tasks)."""
    from rich.console import Console

    from pipeline.cli.quiet import quiet_stderr
    from pipeline.watch.evaluate import evaluations, line
    from pipeline.watch.training import find

    training = find(target, root)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    live = console.is_terminal and not as_json
    told = "waits for the next checkpoint" if watch else "evaluates"
    if not as_json:
        console.print(f"run  {training.run.run_id}")
    with quiet_stderr(), console.status(told) if live else contextlib.nullcontext():
        for entry in evaluations(training, split, watch, every, limit):
            if as_json:
                typer.echo(json.dumps(entry, sort_keys=True))
            else:
                console.print(line(entry, training.config.task))


def decode(
    target: TargetArgument,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Text file, a source in each line.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="File to write, standard output; {step} in its name is that of the checkpoint.",
        ),
    ] = None,
    split: SplitOption = "validation",
    watch: WatchOption = False,
    every: EveryOption = 10.0,
    limit: LimitOption = None,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hypotheses of a file or a split by the newest checkpoint, or by each new one (seq2seq)."""
    from pipeline.cli.quiet import quiet_stderr
    from pipeline.watch.decode import STEP, decodings, read_lines
    from pipeline.watch.training import find
    from trainer.storage import write_atomic

    training = find(target, root)
    texts = read_lines(file) if file is not None else None
    with quiet_stderr():
        for found in decodings(training, texts, split, watch, every, limit):
            text = found.text(as_json)
            if output is None:
                typer.echo(text, nl=False)
                continue
            place = output.with_name(output.name.replace(STEP, str(found.step or "exported")))
            write_atomic(place, text)
            by = f"step {found.step}" if found.step is not None else "the exported model"
            typer.echo(f"{len(found.lines)} sources by {by} in {place}")
