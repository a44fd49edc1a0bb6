"""Mail in memory, for replicas of one process; and the messages that a test writes itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Message:
    """Weights of a replica."""

    replica: int
    step: int
    arrays: Mapping[str, NDArray[Any]]
    finished: bool = False


class Post:
    """Where all replicas of a group get their mail."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def box(self, index: int) -> Box:
        """That of a replica."""
        return Box(self, index)


class Box:
    """The mail of a replica, as an `Exchange`."""

    def __init__(self, post: Post, index: int) -> None:
        self._post, self._index = post, index
        self._seen = 0
        self.closed: list[float] = []
        self.error: TandemError | None = None

    def publish(self, step: int, arrays: Mapping[str, NDArray[Any]], finished: bool = False) -> None:
        copies = {name: np.array(values) for name, values in arrays.items()}
        self._post.sent.append(Message(self._index, step, copies, finished))

    def arrived(self) -> list[Message]:
        new, self._seen = self._post.sent[self._seen :], len(self._post.sent)
        return list({message.replica: message for message in new if message.replica != self._index}.values())

    def statistics(self) -> dict[str, Any]:
        return {"sent": sum(message.replica == self._index for message in self._post.sent)}

    def close(self, seconds: float = 30.0) -> None:
        self.closed.append(seconds)
