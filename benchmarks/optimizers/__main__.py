"""`python -m benchmarks.optimizers`."""

from benchmarks.optimizers import main

main()
