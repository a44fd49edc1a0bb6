"""Every table, one after the other: `python -m benchmarks`."""

from __future__ import annotations

from benchmarks import demo, quality

for benchmark in (demo, quality):
    title = str(benchmark.__doc__).splitlines()[0]
    print(f"\n{title}\n")
    benchmark.main([])
