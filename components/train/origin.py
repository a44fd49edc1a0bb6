"""Which model a training starts from: named when the graph is built, checked when the training begins."""

from __future__ import annotations

import json
from pathlib import Path

from components.push import manifest
from trainer.errors import TandemError
from trainer.warm_start import FILE, Origin


def resolve(text: str) -> Origin:
    """Checks the files of the named version against its manifest.

    Args:
        text: made by `components.push.state.warm_start_from`, or empty for none.

    Returns:
        The origin; one whose files are missing or damaged, or of another model, has a `problem`.
    """
    if not text:
        return Origin()
    told = json.loads(text)
    if "problem" in told:
        return Origin(problem=told["problem"])
    directory, digest = Path(told["directory"]), told["digest"]
    try:
        found = manifest.verify(directory).digest
    except TandemError as error:
        return Origin(digest=digest, problem=str(error))
    if found != digest:
        return Origin(
            digest=digest, problem=f"Expected model {digest} in {directory}. Received: digest={found}"
        )
    return Origin(str(directory / FILE), digest)
