"""An experiment in the text of a config file."""

from __future__ import annotations

import re

from pipeline.experiments.registry import describe
from trainer.errors import TandemError

_SECTION = re.compile(r"(?m)^(?=\S)")
_REPLACED = ("model:", "train:")


def with_experiment(text: str, name: str) -> str:
    """`text` built upon an experiment, without sections of its own that the experiment stands for.

    Args:
        text: YAML of a config with its sections at the left margin, as `tandem init` writes it.
        name: of the experiment.

    Returns:
        YAML with `experiment: NAME` below the task, without `model` and `train`.

    Raises:
        TandemError: `CONFIG-020` if there is no such experiment, `CONFIG-021` if it has another task.

    Example:
        >>> print(with_experiment("task: seq2seq\\ntrain:\\n  epochs: 3\\nname: a", "attention_rnn"))
        task: seq2seq
        experiment: attention_rnn
        name: a
    """
    found = describe(name)
    task = re.search(r"(?m)^task: *([a-z0-9_]+)", text)
    if task is None or task[1] != found.task:
        raise TandemError(
            "CONFIG-021",
            f"Expected an experiment for the task {task[1] if task else 'of the config'}. "
            f"Received: {name}, which is for {found.task}",
            "`tandem experiments list` shows the task of each.",
            exit_status=2,
        )
    parts = [part for part in _SECTION.split(text) if not part.startswith(_REPLACED)]
    whole = "".join(parts)
    line = re.search(r"(?m)^task:.*\n?", whole)
    assert line is not None
    head = whole[: line.end()].rstrip("\n")
    return f"{head}\nexperiment: {name}\n{whole[line.end() :]}"
