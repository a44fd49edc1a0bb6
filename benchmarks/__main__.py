"""Every table, one after the other: `python -m benchmarks`."""

from __future__ import annotations

from benchmarks import demo, quality, sparse_updates

for benchmark in (demo, quality, sparse_updates):
    title = str(benchmark.__doc__).splitlines()[0]
    print(f"\n{title}\n")
    benchmark.main([])
