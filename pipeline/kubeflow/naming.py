"""Names on the cluster, whose rules are narrower than those of a config."""

from __future__ import annotations

import hashlib

_LONGEST_SERVICE = 47


def pipeline_name(name: str) -> str:
    """Name of the pipeline of a config: letters, digits and dashes only.

    Args:
        name: `name` of the config.

    Example:
        >>> pipeline_name("flights"), pipeline_name("two_words")
        ('tandem-flights', 'tandem-two-words-0617')
    """
    return f"tandem-{_plain(name, 64)}"


def service_name(name: str) -> str:
    """Name of the InferenceService of a config; Knative appends to it, so it is short.

    Args:
        name: `name` of the config.

    Example:
        >>> service_name("flights"), len(service_name("f" * 60))
        ('flights', 47)
    """
    return _plain(name, _LONGEST_SERVICE)


def _plain(name: str, longest: int) -> str:
    plain = name.replace("_", "-").rstrip("-")
    if plain == name and len(plain) <= longest:
        return name
    # So that `a_b` and `a-b` stay two.
    return f"{plain[: longest - 5].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"
