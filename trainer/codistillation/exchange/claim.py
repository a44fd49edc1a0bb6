"""A directory belongs to one group."""

from __future__ import annotations

import json
import time

from absl import logging

from trainer.codistillation.exchange.storage import Storage
from trainer.errors import TandemError

FILE = "group.json"
_TRIES = 20
_WAIT_SECONDS = 0.1


def claim(storage: Storage, group: str) -> None:
    """Takes the place for a group, or finds that this group has it.

    Of several replicas that come at the same time one writes the file and the others read it.

    Args:
        storage: the place.
        group: name of the group.

    Raises:
        TandemError: `CODIST-001` if it belongs to another group.
        OSError: if the place does not answer.
    """
    mine = json.dumps({"format": 1, "group": group}, sort_keys=True).encode() + b"\n"
    for _ in range(_TRIES):
        content = storage.read(FILE)
        if content is None:
            if storage.create(FILE, mine):
                continue
            owner = None
        else:
            owner = _owner(content)
        if owner == group:
            return
        if owner is not None:
            raise TandemError(
                "CODIST-001",
                f"Expected a directory of group {group}. Received: group={owner}",
                "Give another `train.codistillation.launch.directory`, or remove this one if that group's "
                "training is over.",
                exit_status=2,
            )
        time.sleep(_WAIT_SECONDS)
    # Nobody is still writing it: whoever began was killed.
    logging.warning("%s of the exchange cannot be read and is written again.", FILE)
    storage.write(FILE, mine)


def _owner(content: bytes) -> str | None:
    try:
        owner = json.loads(content)["group"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return owner if isinstance(owner, str) else None
