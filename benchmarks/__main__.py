"""Every table of docs/benchmarks.md, one after the other, and how its figures compare with the stored run.

    python -m benchmarks [NAME ...] [--output FILE] [--store]

Each benchmark runs in a process of its own; those that take longer than the others run only when they are
named. Ends with status 1 if one fails or a promise is not kept.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from benchmarks import codistillation, record, sequences
from benchmarks.apart import apart

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
VARIANTS = EXAMPLES / "flights" / "variants"
PRONUNCIATION = EXAMPLES / "pronunciation" / "config.yaml"
# Module and arguments by name, in the order of the page.
BENCHMARKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "commands": ("commands", ()),
    "start_up": ("start_up", ()),
    "demo": ("demo", ()),
    "demo/pronunciation": ("demo", (str(PRONUNCIATION),)),
    "kubeflow": ("kubeflow", ()),
    "stock_graph": ("stock_graph", ()),
    "scale": ("scale", ()),
    "quality": ("quality", ()),
    **{f"quality/{file.stem}": ("quality", (str(file),)) for file in sorted(VARIANTS.glob("*.yaml"))},
    "training": ("training", ()),
    "sparse_updates": ("sparse_updates", ()),
    "optimizers": ("optimizers", ()),
    "convergence": ("convergence", ()),
    "bi_tempered": ("bi_tempered", ()),
    "wrong_labels": ("wrong_labels", ()),
    "pronunciation": ("pronunciation", ()),
    **{f"sequences/{part}": ("sequences", ("--part", part)) for part in sequences.PARTS},
    "quantisation": ("quantisation", ()),
    **{f"codistillation/{part}": ("codistillation", (part,)) for part in codistillation.QUICK},
    "pronunciation/30": ("pronunciation", ("--minutes", "30")),
    "pronunciation/180": ("pronunciation", ("--minutes", "180")),
    "pronunciation/pytorch": ("pronunciation", ("--peer", "pytorch")),
}
LONG = ("pronunciation/30", "pronunciation/180", "pronunciation/pytorch")


def main(arguments: list[str] | None = None) -> int:
    """Runs benchmarks and tells how they compare; the exit status."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--output", type=Path, default=Path(".tandem/bench.json"), help="the figures as JSON")
    parser.add_argument("--store", action="store_true", help="replace the stored figures of these benchmarks")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"expected names of {', '.join(BENCHMARKS)}. Received: {', '.join(unknown)}")
    now: record.Records = {}
    failed = []
    for name in given.names or [name for name in BENCHMARKS if name not in LONG]:
        begun = record.begin()
        try:
            figures = apart(*BENCHMARKS[name])
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the others go on
            failed.append(f"{name}: {type(error).__name__}: {error}")
            continue
        now[name] = dataclasses.replace(begun, figures=figures)
        record.write(now, given.output)
    stored = record.read(record.STORED)
    print("\nBeside the stored run\n", *record.comparison(stored, now), sep="\n")
    if given.store:
        record.write({**stored, **now}, record.STORED)
    problems = [f"not kept: {line}" for line in record.broken(now)] + [f"failed: {line}" for line in failed]
    print("", *(problems or ["every promise is kept"]), f"figures: {given.output}", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
