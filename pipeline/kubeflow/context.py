"""What a step on Kubeflow can ask about the run that it belongs to."""

from __future__ import annotations

import contextvars
import dataclasses

from pipeline.kubeflow.pod import Pod


@dataclasses.dataclass
class Context:
    """The step that runs.

    Args:
        step: its name.
        run: id of the run.
        pod: its pod.
        outputs: address of each of its outputs.
        moved: address by output that the step put elsewhere below the run's own root.
    """

    step: str
    run: str
    pod: Pod
    outputs: dict[str, str]
    moved: dict[str, str] = dataclasses.field(default_factory=dict)


_current: contextvars.ContextVar[Context] = contextvars.ContextVar("step")


def enter(context: Context) -> None:
    """Sets the step that runs in this process."""
    _current.set(context)


def current() -> Context:
    """The step that runs in this process.

    Raises:
        LookupError: outside of the entrypoint.
    """
    return _current.get()
