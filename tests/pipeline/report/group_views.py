"""The view of a run that trained a group, one replica of which died and one of which was late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.pipeline.report import views

View = dict[str, Any]


def replica(index: int, end: str, loss: float | None, **other: Any) -> View:
    """One entry of `group.json`, as `components.train.group.outcome` makes it."""
    finished = end == "finished"
    return {
        "index": index,
        "end": end,
        "restarts": 0,
        "causes": [],
        "seconds": 125.4 + index,
        "steps": 2390,
        "steps_planned": 2390,
        "stopped_early": False if finished else None,
        "validation_loss": loss,
        "loss": 0.41 + index / 100,
        "teaching_steps": 2151 if finished else None,
        "mean_staleness_steps": 187.25 if finished else None,
        "max_staleness_steps": 412.0 if finished else None,
        "exchange": {"bytes_written": 3_400_000, "bytes_read": 6_800_000} if finished else None,
        **other,
    }


def group() -> View:
    """A pushed model of three replicas."""
    view = views.KINDS["pushed"]()
    killed = {"restarts": 2, "causes": ["killed: Killed", "no progress for 600 s"]}
    view["group"] = {
        "group": "0123456789abcdef",
        "exchange": "/root/checkpoints/flights/0123456789abcdef/exchange",
        "chosen": 1,
        "replicas": [
            replica(0, "finished", 0.4312),
            replica(1, "finished", 0.4298, **killed),
            replica(2, "late", None, steps=1100),
        ],
    }
    return view


KINDS: dict[str, Callable[[], View]] = {"group": group}
