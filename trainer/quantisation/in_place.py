"""Other values in place of a model's weights while a block runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


class InPlace(keras.StatelessScope):
    """A block in which each variable reads as its tensor; other variables read and change as outside.

    Unlike in a plain `keras.StatelessScope`, what layers assign in the block lasts, such as the counters of
    `trainer.models.dropout`.

    Args:
        pairs: variables and tensors of their shapes.
    """

    def __init__(self, pairs: Sequence[tuple[keras.Variable, Any]]) -> None:
        super().__init__(state_mapping=list(pairs))

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        """Assigns at once, outside of the block."""
        variable, value = update
        self.__exit__(None, None, None)
        try:
            variable.assign(value)
        finally:
            self.__enter__()
