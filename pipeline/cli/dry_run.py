"""`tandem run --dry-run`: what would happen, without importing TFX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.plan import gate_arguments, ingest_arguments, is_sequence

if TYPE_CHECKING:
    from components.ingest.plan import Plan
    from components.ingest.sources import Source
    from pipeline.config import Config
    from pipeline.root import Root

_SEQUENCE_STEPS = {
    "transform": "units of texts, their vocabularies and lengths, all in one graph",
    "train": "an encoder and a decoder by buckets of length",
    "baseline": "the newest blessed model, or what units say alone",
    "score": "the best hypotheses of both models",
}
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
    """The files that ingest would read; the first one is seen to have the columns.

    Raises:
        TandemError: that of ingest if there are none, or a column is missing.
    """
    from components.ingest.inputs import select
    from components.ingest.plan import make_plan

    arguments = ingest_arguments(config, directory)
    if config.data.prepare:
        return [f"prepared by {config.data.prepare}"]
    sources = select(arguments["data"], directory).sources
    plan = make_plan(arguments["data"], arguments["label"], arguments["task"], arguments["features"])
    _require_columns(sources[0], plan)
    return [str(path) for source in sources for path in dict(source.parts).values() or [source.path]]


def _require_columns(source: Source, plan: Plan) -> None:
    from components.ingest.binary_readers import read_parquet
    from components.ingest.csv_reader import read_header

    if source.format == "csv":
        read_header(source, plan.delimiter, plan.columns)
    elif source.format == "parquet":
        # Raises before the first batch; TFRecord files have no header.
        next(read_parquet(source, plan.columns, every_column=False), None)


def _rules(config: Config) -> list[str]:
    from components.gate.rules import parse

    rules = [parse(rule) for rule in gate_arguments(config)["rules"]]
    return [rule.describe(condition) for rule in rules for condition in rule.conditions()]


def describe(config: Config, directory: Path, root: Root) -> dict[str, Any]:
    """Inputs, steps and rules of a run.

    Raises:
        TandemError: that of ingest if the inputs do not exist.
    """
    other = _SEQUENCE_STEPS if is_sequence(config) else {}
    return {
        "name": config.name,
        "task": config.task,
        "root": str(root.path),
        "inputs": inputs(config, directory),
        "steps": [{"name": name, "does": other.get(name, does)} for name, does in _STEPS],
        "gate": _rules(config),
    }
