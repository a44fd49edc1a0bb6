"""Models of the peers inside the training step of a replica."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class Peers:
    """A model for each peer, with weights of its own and a flag that says whether it has any.

    They have neither an optimizer nor slots, and no gradient reaches them. What comes and goes are values of
    variables, so a compiled step stays as it is.

    Args:
        build: makes a model, whose trainable variables have different paths.
        replicas: ints. The peers, without the own replica.
    """

    def __init__(self, build: Callable[[], keras.Model], replicas: Sequence[int]) -> None:
        self.replicas = tuple(replicas)
        self._models = [build() for _ in self.replicas]
        self._variables = [
            {variable.path: variable for variable in model.trainable_variables} for model in self._models
        ]
        self._flags = keras.Variable(
            np.zeros(len(self.replicas), np.float32),
            trainable=False,
            aggregation="only_first_replica",
            name="present",
        )
        self._present = np.zeros(len(self.replicas), bool)

    def present(self) -> list[int]:
        """The peers that have weights."""
        return [replica for replica, here in zip(self.replicas, self._present, strict=True) if here]

    def refusal(self, arrays: Arrays) -> str | None:
        """Why a peer cannot have these weights, which are finite; None if it can.

        Args:
            arrays: by the path of the variable.
        """
        known = self._variables[0]
        different = sorted(set(arrays) ^ set(known))
        if different:
            return (
                f"it has {len(arrays)} tensors and not {len(known)}, among the different ones {different[0]}"
            )
        for path, variable in known.items():
            if arrays[path].shape != tuple(variable.shape):
                return f"{path} has the shape {arrays[path].shape} and not {tuple(variable.shape)}"
        return None

    def assign(self, replica: int, arrays: Arrays) -> None:
        """Gives a peer its weights, which `refusal` lets pass."""
        place = self.replicas.index(replica)
        for path, variable in self._variables[place].items():
            variable.assign(arrays[path])
        self._mark(place, True)

    def drop(self, replica: int) -> None:
        """Takes a peer out until it gets weights again."""
        self._mark(self.replicas.index(replica), False)

    def _mark(self, place: int, present: bool) -> None:
        if self._present[place] != present:
            self._present[place] = present
            self._flags.assign(self._present.astype(np.float32))

    def any(self) -> Any:
        """Whether a peer has weights, in a graph: bool scalar."""
        return tf.reduce_any(self._flags.value > 0)

    def mean(
        self, forward: Callable[[keras.Model], Any], believed: Callable[[Any], Any], shape: Any
    ) -> tuple[Any, Any]:
        """The mean of what the present peers say; to be called where one is present.

        An example for which a peer is not believed counts without that peer, and with the others.

        Args:
            forward: from a model to its predictions, float32 of the shape.
            believed: from such predictions to bool `(...)`.
            shape: int32 `(rank,)`, that of the predictions.

        Returns:
            The mean, float32 `(..., outputs)`, and how many peers it is of, float32 `(...)`. Where it is of
            none, every output is as large.
        """
        flags = tf.unstack(self._flags.value)
        only = len(self._models) == 1
        total, count = None, None  # type: Any, Any
        for model, flag in zip(self._models, flags, strict=True):

            def seen(model: keras.Model = model) -> tuple[Any, Any]:
                said = tf.stop_gradient(forward(model))
                good = believed(said)
                return tf.where(good[..., None], said, tf.zeros_like(said)), tf.cast(good, tf.float32)

            def unseen() -> tuple[Any, Any]:
                return tf.zeros(shape), tf.zeros(shape[:-1])

            said, counted = seen() if only else tf.cond(flag > 0, seen, unseen)
            total = said if total is None else total + said
            count = counted if count is None else count + counted
        some = count[..., None] > 0
        outputs = tf.cast(tf.shape(total)[-1], tf.float32)
        return tf.where(some, total / tf.maximum(count, 1.0)[..., None], 1.0 / outputs), count
