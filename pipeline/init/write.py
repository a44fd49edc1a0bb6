"""An inferred config as commented YAML."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.text import one_line, without_defaults
from pipeline.init.inference import Inference

_WIDTH = 100


def to_yaml(inference: Inference, folder: Path | None = None) -> str:
    """The text of a config file: ordered, commented, without fields that have their default.

    Args:
        inference: what `infer` returned.
        folder: folder the file is written to; paths of data become relative to it. Defaults to `None`:
            they stay as they were given.
    """
    values = without_defaults(inference.config)
    if folder is not None:
        data = values["data"]
        if "lines" in data:
            data["lines"] = {name: _relative(path, folder) for name, path in data["lines"].items()}
        else:
            data["path"] = _relative(data["path"], folder)
    return "\n".join(_lines(inference, values)) + "\n"


def _relative(path: str, folder: Path) -> str:
    if "://" in path:
        return path
    return os.path.relpath(Path(path).expanduser().absolute(), folder.expanduser().absolute())


def plain(text: str) -> str:
    """`text` on one line, safe in a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _wrapped(prefix: str, text: str) -> Iterator[str]:
    line, rest = prefix, plain(text).split(" ")
    for word in rest:
        if len(line) + len(word) + 1 > _WIDTH and line.strip("# -"):
            yield line.rstrip()
            line = "#   "
        line += word + " "
    yield line.rstrip()


def _with_comment(line: str, comment: str) -> str:
    return f"{line}  # {plain(comment)}" if comment else line


def _lines(inference: Inference, values: dict[str, Any]) -> Iterator[str]:
    yield f"# Inferred from {inference.rows:,} rows. Every key is described in docs/config.md."
    for warning in inference.warnings:
        yield from _wrapped("# WARNING: ", warning)
    for note in inference.notes:
        if "is no feature" not in note:
            yield from _wrapped("# Note: ", note)
    yield f"name: {one_line(values['name'])}"
    yield f"task: {one_line(values['task'])}"
    label = inference.config.label.column
    for section in ("label", "data"):
        yield ""
        yield f"{section}:"
        for key, value in values[section].items():
            comment = inference.comments.get(label, "") if (section, key) == ("label", "column") else ""
            yield _with_comment(f"  {key}: {one_line(value)}", comment)
    yield from _features(inference, values)
    if "crosses" in values:
        yield from ("", "# Pairs that say more together than one after the other.", "crosses:")
        for cross in values["crosses"]:
            yield _with_comment(
                f"  - {one_line(cross)}", inference.comments.get(" x ".join(cross["columns"]), "")
            )
    for section in ("model", "train", "check", "evaluate"):
        if any(value != {} for value in values.get(section, {}).values()):
            yield from ("", f"{section}:")
            yield from (
                f"  {key}: {one_line(value)}" for key, value in values[section].items() if value != {}
            )
    yield from ("", "# Every rule must hold before a model is pushed.", "gate:", "  rules:")
    for rule in values["gate"]["rules"]:
        comment = "a smaller gain could be chance" if rule.get("better_than") == "prior" else ""
        yield _with_comment(f"    - {one_line(rule)}", comment)


def _features(inference: Inference, values: dict[str, Any]) -> Iterator[str]:
    if "features" not in values:
        return
    yield from ("", "features:")
    for name, feature in values["features"].items():
        yield _with_comment(f"  {one_line(name)}: {one_line(feature)}", inference.comments.get(name, ""))
    if inference.left_out:
        yield "  # Left out:"
        for name, reason in inference.left_out.items():
            yield plain(f"  #   {name}: {reason}")
