"""How a group went, as the file `group.json` of its model run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.train.group import files
from components.train.group.layout import Layout
from components.train.group.watch import Ending


def outcome(layout: Layout, endings: Sequence[Ending], chosen: int, burn_in: float) -> dict[str, Any]:
    """The group and each replica as JSON.

    Args:
        layout: places of the group.
        endings: one for each replica, by index.
        chosen: index of the replica whose model is that of the group.
        burn_in: float. Share of the planned steps without teaching.

    Returns:
        `group` (its name), `exchange` (its place), `chosen`, `untaught` (why no replica was taught, for
        people; None if one was), and `replicas`, by index: `index`, `end` (see
        `components.train.group.standing.Kind`), `restarts`, `causes` (why each attempt ended that did not
        finish), `seconds` (from the start of the group to its end), `steps`, `steps_planned`,
        `stopped_early`, `validation_loss` (of the exported weights), `loss` (the last training loss),
        `teaching_steps`, `mean_staleness_steps` and `max_staleness_steps` (over its peers), and `exchange`
        (what was written and read). What is not known is None.
    """
    replicas = [_replica(ending) for ending in endings]
    return {
        "group": layout.group,
        "exchange": layout.exchange,
        "chosen": chosen,
        "untaught": untaught(replicas, burn_in),
        "replicas": replicas,
    }


def untaught(replicas: Sequence[Mapping[str, Any]], burn_in: float) -> str | None:
    """Why no replica was taught, and what to do about it; None if one was.

    Args:
        replicas: as in `outcome`.
        burn_in: float. Share of the planned steps without teaching.

    Example:
        >>> one = {"index": 0, "end": "finished", "steps": 90, "steps_planned": 1000}
        >>> untaught([one, one], 0.1)[:46]
        'every training ended within its burn-in; lower'
    """
    if any(one.get("teaching_steps") for one in replicas):
        return None
    exchanges = [exchange for one in replicas if isinstance(exchange := one.get("exchange"), dict)]
    failed = sum(
        files.whole(exchange, name) or 0
        for exchange in exchanges
        for name in ("publications_failed", "looks_failed")
    )
    if failed:
        return f"weights could not be written or looked for {failed} times; the logs of the replicas tell why"
    finished = [one for one in replicas if one["end"] == "finished"]
    if len(finished) < 2:
        return "only one finished; why the others did not is told with their ends"
    if all((one.get("steps") or 0) <= burn_in * (one.get("steps_planned") or 0) for one in finished):
        return "every training ended within its burn-in; lower `train.codistillation.burn_in`"
    return (
        "nobody's weights came before its training was over; lower "
        "`train.codistillation.exchange_every_steps`"
    )


def exchange_of(model_run: Path) -> str:
    """Place of the exchange that a group names in its model run; empty for a single training."""
    return str(files.read_object(model_run / files.OUTCOME).get("exchange") or "")


def _replica(ending: Ending) -> dict[str, Any]:
    run_dir, standing = Path(ending.member.run_dir), ending.standing
    # That of a replica which ended without a result would be of an attempt before.
    summary = files.read_object(run_dir / files.TRAINING) if standing.kind == "finished" else {}
    taught = summary.get("codistillation")
    taught = taught if isinstance(taught, dict) else {}
    steps = files.whole(summary, "steps")
    planned = files.whole(summary, "steps_planned")
    early = summary.get("stopped_early")
    return {
        "index": ending.member.index,
        "end": standing.kind,
        "restarts": standing.restarts,
        "causes": ending.causes,
        "seconds": ending.seconds,
        "steps": standing.step if steps is None else steps,
        "steps_planned": (standing.steps or None) if planned is None else planned,
        "stopped_early": early if isinstance(early, bool) else None,
        "validation_loss": files.validation_loss(run_dir) if summary else None,
        "loss": files.last_loss(run_dir) if summary else standing.loss,
        "teaching_steps": files.whole(taught, "teaching_steps"),
        **staleness(taught.get("peers")),
        "exchange": taught.get("exchange") if isinstance(taught.get("exchange"), dict) else None,
    }


def staleness(peers: Any) -> dict[str, float | None]:
    """Staleness over all peers: the mean of their means, weighted by the steps they taught, and the greatest.

    Args:
        peers: by peer, `teaching_steps`, `mean_staleness_steps` and `max_staleness_steps`.

    Example:
        >>> one = {"teaching_steps": 300, "mean_staleness_steps": 100.0, "max_staleness_steps": 250}
        >>> two = {"teaching_steps": 100, "mean_staleness_steps": 200.0, "max_staleness_steps": 400}
        >>> staleness({"1": one, "2": two})
        {'mean_staleness_steps': 125.0, 'max_staleness_steps': 400.0}
        >>> staleness({})
        {'mean_staleness_steps': None, 'max_staleness_steps': None}
    """
    entries = [peer for peer in peers.values() if isinstance(peer, dict)] if isinstance(peers, dict) else []
    weighed = [
        (steps, mean)
        for peer in entries
        if (steps := files.number(peer, "teaching_steps"))
        and (mean := files.number(peer, "mean_staleness_steps")) is not None
    ]
    greatest = [most for peer in entries if (most := files.number(peer, "max_staleness_steps")) is not None]
    total = sum(steps for steps, _ in weighed)
    mean = sum(steps * mean for steps, mean in weighed) / total if total else None
    return {"mean_staleness_steps": mean, "max_staleness_steps": max(greatest, default=None)}
