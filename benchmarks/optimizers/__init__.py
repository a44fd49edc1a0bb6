"""SM3 beside other optimizers: bytes of state, time of a dense step, time of an update of table rows.

    python -m benchmarks.optimizers [--rounds N] [--threads N]

Dense steps are on the tensors of a Transformer of 10 million parameters, with the same gradients everywhere;
row updates on a table of 10,000,000 rows of 32 numbers. Every optimizer is a process of its own with the
cores and threads named; in each round each takes its turn, in an order drawn anew, and the ratio is the
median of the ratios inside a round. optax and pytorch_optimizer are in the environment of `make peers`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.record import Figure


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each optimizer that count")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    # Peers import this package where the project's libraries are absent.
    from benchmarks import machine
    from benchmarks.optimizers import tables

    print(machine.line())
    return [
        *tables.state(),
        *tables.dense(given.rounds, given.threads),
        *tables.rows(given.rounds, given.threads),
    ]
