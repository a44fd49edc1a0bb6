"""`tandem run --dry-run`: what would happen, without importing TFX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import TandemError

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


def _inputs(config: Config, directory: Path) -> list[str]:
    data = config.data
    if data.prepare:
        return [f"prepared by {data.prepare}"]
    split = data.split
    given = [data.path] if data.path else [split.train_files, split.validation_files, split.eval_files]
    found = []
    for pattern in filter(None, given):
        path = directory / pattern
        if path.is_dir():
            names = [str(file) for file in sorted(path.iterdir()) if file.is_file()]
        elif "{" in pattern:
            names = [pattern]
        else:
            names = (
                sorted(str(file) for file in directory.glob(pattern))
                if not Path(pattern).is_absolute()
                else []
            )
            names = names or ([pattern] if Path(pattern).exists() else [])
        if not names:
            raise TandemError(
                "INGEST-001",
                f"Expected files. Received: {pattern}, which matches none below {directory}",
                "Correct data.path in the config.",
                exit_status=2,
            )
        found += names
    return found


def _rule(rule: Any) -> str:
    parts = [rule.metric]
    if rule.slices:
        parts.append(f"in each {' x '.join(rule.slices)}")
    if rule.min is not None:
        parts.append(f">= {rule.min:g}")
    if rule.max is not None:
        parts.append(f"<= {rule.max:g}")
    if rule.better_than:
        parts.append(f"better than the {rule.better_than} by at least {rule.by_at_least:g}")
    return " ".join(parts)


def describe(config: Config, directory: Path, root: Root) -> dict[str, Any]:
    """Inputs, steps and rules of a run.

    Raises:
        TandemError: `INGEST-001` if the inputs do not exist.
    """
    return {
        "name": config.name,
        "task": config.task,
        "root": str(root.path),
        "inputs": _inputs(config, directory),
        "steps": [{"name": name, "does": does} for name, does in _STEPS],
        "gate": [_rule(rule) for rule in config.gate.rules],
    }
