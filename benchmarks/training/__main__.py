"""`python -m benchmarks.training`."""

from benchmarks.training import main

main()
