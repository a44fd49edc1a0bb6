"""Codistillation: what it costs and what it gives, beside single trainings at equal steps for each replica.

    python -m benchmarks.codistillation [PART ...] [--seeds N] [--root DIR] [--set KEY=VALUE] [--store]

`cost` a step with a peer beside one without; `exchange` the training thread's time, and bytes; `replicas`
time and memory of 1, 2, 4 and 8; `quality` on flights and `pronunciation` on words, with the same rows for
both replicas and with rows of their own; `staleness` of the exchange, with a picture; `churn` between
retrains. Without a name the first three run, which take minutes.

Replicas are processes side by side on this machine. None waits for another, so how many steps late a peer's
weights are depends on the time of a step and on who began first: figures are those of replicas that have a
core each and nothing else beside them, two on two cores. Each table shows the staleness that was measured.

Under `--root` lie the data, and each training by itself once it has ended: a benchmark that was interrupted
goes on with the same command. `--store` keeps what was found beside this code, `--stored` prints it and draws
its picture again.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from benchmarks.codistillation.parts import Part
    from benchmarks.record import Figure

ROOT = Path(".tandem") / "codistillation"
PARTS = ("cost", "exchange", "replicas", "quality", "pronunciation", "staleness", "churn")
QUICK = PARTS[:3]


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table of each part; its figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seeds", type=int, help="trainings of each kind; the part decides by default")
    parser.add_argument("--rounds", type=int, default=25, help="turns that count in cost")
    parser.add_argument("--root", type=Path, default=ROOT, help=f"of data and trainings; {ROOT} by default")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--store", action="store_true", help="keep what is found beside the code")
    how.add_argument("--stored", action="store_true", help="print what is kept, and draw its picture again")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"expected names of {', '.join(PARTS)}. Received: {', '.join(unknown)}")
    from benchmarks import machine, record
    from benchmarks.codistillation import parts

    told = parts.Given(given.root, given.seeds, given.rounds, tuple(given.set))
    kept = parts.read()
    figures: list[Figure] = []
    for name in given.parts or (tuple(kept) if given.stored else QUICK):
        module = importlib.import_module(f"benchmarks.codistillation.{name}")
        part = cast("Part", module)
        print(f"\n{str(module.__doc__).splitlines()[0]}\n", flush=True)
        if given.stored:
            if name not in kept:
                parser.error(f"expected figures of {name} in {parts.STORED.name}. Measure them with --store")
            found = kept[name]["found"]
            print(f"of {kept[name]['stored'][:10]}, commit {kept[name]['commit']}")
        else:
            print(machine.line(), flush=True)
            found = part.measure(told)
        print(*part.table(found), sep="\n", flush=True)
        mine = part.figures(found)
        figures += mine
        for figure in mine:
            if figure.limit is not None:
                bound = "at most" if figure.better == "lower" else "at least"
                word = "kept" if figure.kept else "NOT kept"
                print(
                    f"promise: {figure.name} {bound} {record.number(figure.limit)} {figure.unit}, "
                    f"here {record.number(figure.value)}: {word}"
                )
        if given.store:
            parts.store(name, found, told)
        if given.store or given.stored:
            draw = getattr(module, "draw", None)
            if draw is not None:
                draw(found)
    return figures
