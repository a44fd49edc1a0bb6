"""Whatever a step raises, as an error that a user can act on. Imports no library."""

from __future__ import annotations

from trainer.errors import TandemError

INTERRUPTED = "RUN-006"


def as_tandem_error(error: BaseException, step: str) -> TandemError:
    """The error a user can act on inside of any exception, or one with the step's own code."""
    if isinstance(error, KeyboardInterrupt):
        return TandemError(
            INTERRUPTED, f"Interrupted in step {step}; the steps before it are kept.", exit_status=130
        )
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TandemError):
            return seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    # Beam hands on the trace of a worker as text: its last line says what went wrong.
    told = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return TandemError(
        f"{step.upper()}-900",
        f"Step {step} failed unexpectedly: {type(error).__name__}: {told[:500]}",
        f"The log file of step {step} has the whole trace.",
    )
