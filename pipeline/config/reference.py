"""The reference of all fields, as Markdown and as JSON Schema.

`python -m pipeline.config.reference [FILE]` writes `docs/config.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.config.checks.gate import COMPARABLE, metric_names
from pipeline.config.fields import Field, walk
from pipeline.config.model import Config
from trainer.storage import write_atomic

_INTRODUCTION = """\
# Config reference

Made from `pipeline/config/model.py` by `python -m pipeline.config.reference`; a test keeps the two equal.

One YAML file describes a pipeline. Unknown keys, keys given twice and wrong values are refused, all of them
in one message, with their line. `no`, `yes` and dates are text; `1e-6` is a number. Paths are relative to
the config file. `--set train.epochs=3` changes a value for one run: the part after `=` is YAML (`[64, 32]`,
`true`, nothing for null), a list is entered by position (`gate.rules.0.max=1`; the position after the last
item appends), and a key with dots is quoted (`features."a.b".min_count=2`).

`tandem config show` prints a config with all defaults, `tandem config schema` the JSON Schema for editors.
"""

_METRICS = """\
## Metrics

Names for `gate.rules`; those in the first column can be compared by `better_than`. `churn` and
`decisions_flipped` compare with the served model on the same rows: mean absolute difference of the
predictions, and share of the rows about which both decide differently (binary: the side of 0.5, multiclass:
the most probable class; of `seq2seq` both are the share of sources with another best hypothesis). Rules about
them are skipped while no model is blessed.

| task | comparable | with `min` and `max` only |
|---|---|---|
"""


def reference_markdown() -> str:
    """Every field: path, allowed values, default, description; and the metrics of each task."""
    parts = [_INTRODUCTION]
    for path, model, fields in walk():
        parts.append(_section(path, model, fields))
    rows = []
    for task, names in COMPARABLE.items():
        others = [name for name in metric_names(task) if name not in names]
        rows.append(f"| {task} | {_code(names)} | {_code(others)} |\n")
    parts.append(_METRICS + "".join(rows))
    return "\n".join(parts)


def _code(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _section(path: str, model: type[BaseModel], fields: list[Field]) -> str:
    title = f"`{path}`" if path else "The file"
    kind = model.model_fields["kind"].default if "kind" in model.model_fields else None
    if kind is not None:
        title += f" with `kind: {kind}`"
    text = " ".join((model.__doc__ or "").split())
    lines = [f"## {title}\n", text + "\n", "| field | allowed | default | meaning |", "|---|---|---|---|"]
    for field in fields:
        cells = (f"`{field.path}`", field.allowed, field.default, field.description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the config file, for editors."""
    schema = Config.model_json_schema()
    for definition in schema["$defs"].values():
        if "kind" in definition["properties"]:
            definition["required"] = sorted({"kind", *definition.get("required", [])})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def main() -> None:
    """Writes the reference to the file named on the command line, `docs/config.md` if none is."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/config.md")
    write_atomic(target, reference_markdown())


if __name__ == "__main__":
    main()
