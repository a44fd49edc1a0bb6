"""The register of experiments.

An experiment is a function without arguments that returns values of a config as plain nested mappings. They
are typed and checked where every value is: when the config that is built upon them is read.

Reference: Shen et al., 2019, arXiv:1902.08295, section 3.5 (models are registered with all their
hyper-parameters); there a class for each, here a function and text.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import inspect
from collections.abc import Callable
from typing import Any

from trainer.errors import TandemError
from trainer.spec.sequence import SequenceTask

Values = dict[str, Any]

_SECTIONS = frozenset({"model", "train"})


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One entry of the register.

    Args:
        name: what a config calls it.
        task: what it predicts, `seq2seq` or `language_model`.
        paper: where the model, or its settings, come from.
        description: one or more sentences, the docstring of its function.
        values: makes the values below `model` and `train`.
    """

    name: str
    task: SequenceTask
    paper: str
    description: str
    values: Callable[[], Values]

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.partition("\n")[0]


_register: dict[str, Experiment] = {}


def experiment(task: SequenceTask, paper: str) -> Callable[[Callable[[], Values]], Callable[[], Values]]:
    """Registers a function under its name.

    Args:
        task: what the experiment predicts.
        paper: where it comes from.

    Returns:
        A decorator that gives the function back.

    Raises:
        ValueError: if the name is taken, the function has no docstring, or a value lies outside of `model`
            and `train`.
    """

    def register(function: Callable[[], Values]) -> Callable[[], Values]:
        name, text = function.__name__, inspect.getdoc(function)
        if name in _register:
            raise ValueError(f"An experiment needs a name of its own. Received: name={name}")
        if not text:
            raise ValueError(f"An experiment needs a docstring. Received: name={name}")
        if beyond := sorted(set(function()) - _SECTIONS):
            raise ValueError(f"Expected values of {sorted(_SECTIONS)}. Received: {name} with {beyond}")
        _register[name] = Experiment(name, task, paper, text, function)
        return function

    return register


def names() -> list[str]:
    """Names of all experiments, sorted."""
    return sorted(_register)


def describe(name: str) -> Experiment:
    """An experiment by its name.

    Raises:
        TandemError: `CONFIG-020` if there is none.
    """
    try:
        return _register[name]
    except KeyError:
        nearest = difflib.get_close_matches(name, names(), n=1)
        raise TandemError(
            "CONFIG-020",
            f"Expected the name of an experiment. Received: experiment={name!r}",
            (f"Did you mean `{nearest[0]}`? " if nearest else "") + "`tandem experiments list` names all.",
            exit_status=2,
        ) from None


def base(name: str) -> Values:
    """The values of an experiment, its task among them, as a config file would hold them.

    Args:
        name: of the experiment.

    Returns:
        Plain nested mappings, new ones at each call.

    Raises:
        TandemError: `CONFIG-020` if there is no such experiment.

    Example:
        >>> from pipeline.experiments import base
        >>> base("attention_rnn_small")["model"]["sequence"]["encoder"]
        {'kind': 'lstm', 'layers': 1, 'units': 128}
    """
    found = describe(name)
    return {"task": found.task, **copy.deepcopy(found.values())}
