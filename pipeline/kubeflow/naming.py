"""Names on the cluster, whose rules are narrower than those of a config."""

from __future__ import annotations

import hashlib


def pipeline_name(name: str) -> str:
    """Name of the pipeline of a config: letters, digits and dashes only.

    Args:
        name: `name` of the config.

    Example:
        >>> pipeline_name("flights"), pipeline_name("two_words")
        ('tandem-flights', 'tandem-two-words-0617')
    """
    plain = name.replace("_", "-").rstrip("-")
    if plain == name:
        return f"tandem-{name}"
    # So that `a_b` and `a-b` are two pipelines.
    return f"tandem-{plain}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"
