"""What happens after which step."""

from __future__ import annotations

from collections.abc import Iterator


def evaluation_steps(steps_per_epoch: int, steps: int, evaluations_per_epoch: int) -> list[int]:
    """The steps after which the validation split is evaluated, in ascending order; always the last one.

    Example:
        >>> evaluation_steps(steps_per_epoch=10, steps=25, evaluations_per_epoch=2)
        [5, 10, 15, 20, 25]
    """
    count = -(-steps * evaluations_per_epoch // steps_per_epoch)
    marks = {round(index * steps_per_epoch / evaluations_per_epoch) for index in range(1, count + 1)}
    return sorted({mark for mark in marks if 0 < mark < steps} | {steps})


def block_lengths(
    first_step: int,
    steps: int,
    steps_per_epoch: int,
    stops: list[int],
    every: int,
    longest: int,
    exchange: int | None = None,
) -> Iterator[int]:
    """Lengths of the blocks of steps from `first_step` to `steps`.

    A block ends at the latest at the end of an epoch, at one of `stops` and at each multiple of `every` and
    of `exchange`, if that is given.

    Example:
        >>> list(block_lengths(0, 25, steps_per_epoch=10, stops=[5, 25], every=8, longest=4))
        [4, 1, 3, 2, 4, 2, 4, 4, 1]
    """
    step, marks = first_step, iter(stops)
    cycles = [steps_per_epoch, every] if exchange is None else [steps_per_epoch, every, exchange]
    mark = next(marks, steps)
    while step < steps:
        while mark <= step:
            mark = next(marks, steps)
        boundaries = (mark, steps, step + longest)
        length = min(min(boundaries) - step, *(cycle - step % cycle for cycle in cycles))
        yield length
        step += length
