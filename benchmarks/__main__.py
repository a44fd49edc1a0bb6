"""Every table of docs/benchmarks.md, one after the other: `python -m benchmarks`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import commands, demo, quality, sparse_updates, stock_graph

VARIANTS = sorted((quality.FLIGHTS.parent / "variants").glob("*.yaml"))

for benchmark, arguments in (
    (commands, []),
    (demo, []),
    (stock_graph, []),
    (quality, []),
    *((quality, [str(variant)]) for variant in VARIANTS),
    (sparse_updates, []),
):
    title = str(benchmark.__doc__).splitlines()[0]
    named = f" ({', '.join(Path(argument).name for argument in arguments)})" if arguments else ""
    print(f"\n{title}{named}\n", flush=True)
    benchmark.main(arguments)
