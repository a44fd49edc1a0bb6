"""Training on from the weights of an earlier model, although vocabularies and layers have changed since."""

from trainer.warm_start.apply import apply
from trainer.warm_start.capture import capture
from trainer.warm_start.start import NO_ORIGIN, Origin, begin
from trainer.warm_start.state import FILE, Inputs, Rows, WarmState, read, write

__all__ = [
    "FILE",
    "NO_ORIGIN",
    "Inputs",
    "Origin",
    "Rows",
    "WarmState",
    "apply",
    "begin",
    "capture",
    "read",
    "write",
]
