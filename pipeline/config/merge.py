"""Values of an experiment below those of a file."""

from __future__ import annotations

from typing import Any

from pipeline.config.problems import Path


def merged(base: Any, own: Any) -> Any:
    """`own` on top of `base`: mappings key by key, everything else as a whole.

    Mappings with another `kind` are other things, so there too `own` stands alone.

    Example:
        >>> merged({"train": {"epochs": 5, "seed": 1}}, {"train": {"epochs": 3}})
        {'train': {'epochs': 3, 'seed': 1}}
    """
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    if base.get("kind", own.get("kind")) != own.get("kind", base.get("kind")):
        return own
    return {**base, **{key: merged(base[key], own[key]) if key in base else own[key] for key in own}}


def added(base: Any, own: Any, path: Path = ()) -> list[Path]:
    """Where `merged` takes a whole value of `base`, since `own` has none there.

    Example:
        >>> added({"train": {"epochs": 5, "seed": 1}}, {"train": {"epochs": 3}})
        [('train', 'seed')]
    """
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return []
    found: list[Path] = []
    for key, value in base.items():
        found += added(value, own[key], (*path, key)) if key in own else [(*path, key)]
    return found
