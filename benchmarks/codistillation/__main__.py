"""`python -m benchmarks.codistillation`."""

from benchmarks.codistillation import main

if __name__ == "__main__":
    main()
