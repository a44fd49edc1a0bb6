"""The words of the benchmark and their pronunciations, divided as the example's variant divides them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pronunciation"
ROWS = EXAMPLE / "variants" / "rows.py"
FILE = "words.json"

Spoken = dict[str, list[str]]
"""Every pronunciation of a word, phones with a space between them."""


def parts() -> dict[str, Spoken]:
    """`train`, `validation` and `eval`: 112,433, 6,246 and 6,247 words."""
    spec = importlib.util.spec_from_file_location("pronunciation_rows", ROWS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Spoken] = module.parts()
    return found


def write(directory: Path) -> None:
    """Writes the parts to `directory`, for a peer in an environment that has no dictionary."""
    (directory / FILE).write_text(json.dumps(parts()))


def read(directory: Path) -> dict[str, Spoken]:
    """What `write` wrote."""
    found: dict[str, Spoken] = json.loads((directory / FILE).read_text())
    return found
