"""`tandem run --dry-run`: what would happen, without importing TFX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.plan import gate_arguments, ingest_arguments

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.root import Root

_STEPS = (
    ("ingest", "read rows, split them, set unreadable ones aside"),
    ("statistics", "statistics of every column and split"),
    ("schema", "infer the schema once, keep it for later runs"),
    ("validator", "compare the statistics with the schema"),
    ("check", "stop on anomalies, drift, skew, too few rows"),
    ("transform", "vocabularies, quantiles, crosses, all in one graph"),
    ("train", "Wide & Deep with FTRL and AdaGrad"),
    ("baseline", "the newest blessed model, or a constant prediction"),
    ("score", "predictions of both models"),
    ("evaluate", "metrics overall and by slice"),
    ("gate", "dry run of the exported model, then every rule"),
    ("push", "atomic push of a blessed model, version by counter"),
)


def inputs(config: Config, directory: Path) -> list[str]:
    """The files that ingest would read.

    Raises:
        TandemError: that of ingest if there are none.
    """
    from components.ingest.inputs import select

    if config.data.prepare:
        ingest_arguments(config, directory)
        return [f"prepared by {config.data.prepare}"]
    return [
        str(source.path) for source in select(ingest_arguments(config, directory)["data"], directory).sources
    ]


def _rules(config: Config) -> list[str]:
    from components.gate.rules import parse

    rules = [parse(rule) for rule in gate_arguments(config)["rules"]]
    return [rule.describe(condition) for rule in rules for condition in rule.conditions()]


def describe(config: Config, directory: Path, root: Root) -> dict[str, Any]:
    """Inputs, steps and rules of a run.

    Raises:
        TandemError: that of ingest if the inputs do not exist.
    """
    return {
        "name": config.name,
        "task": config.task,
        "root": str(root.path),
        "inputs": inputs(config, directory),
        "steps": [{"name": name, "does": does} for name, does in _STEPS],
        "gate": _rules(config),
    }
