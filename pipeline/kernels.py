"""Which CPU kernels of TensorFlow a run uses: environment variables that it reads when it is loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import Config

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_defaulted: set[str] = set()


def environment(config: Config) -> dict[str, str]:
    """The variables of a run.

    oneDNN's kernels are off, so that a model has the same bits wherever it is trained, but for products in
    bfloat16: without them a processor's matrix units stay unused, and training takes twice as long.
    """
    sequence = config.train.sequence
    return {ONEDNN: "1" if sequence is not None and sequence.precision == "bfloat16" else "0"}


def use_default() -> None:
    """Sets what commands without a config need, unless the user has set it."""
    if ONEDNN not in os.environ:
        os.environ[ONEDNN] = "0"
        _defaulted.add(ONEDNN)


def use(config: Config) -> None:
    """Sets what a run needs, unless the user has set it; without effect once TensorFlow is loaded."""
    os.environ |= {name: value for name, value in environment(config).items() if name in _defaulted}
