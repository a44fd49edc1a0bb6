"""Reading one block ahead in a thread."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def read_ahead(blocks: Iterator[T]) -> Generator[T, None, None]:
    """Yields the blocks while the next one is made in a thread; what making one raises, its turn raises.

    Example:
        >>> list(read_ahead(iter([1, 2, 3])))
        [1, 2, 3]
    """
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        ahead = pool.submit(next, blocks, None)
        while (block := ahead.result()) is not None:
            ahead = pool.submit(next, blocks, None)
            yield block
