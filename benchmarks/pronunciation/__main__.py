"""`python -m benchmarks.pronunciation`."""

from benchmarks.pronunciation import main

main()
