"""`python -m benchmarks.sequences`."""

from benchmarks.sequences import main

main()
