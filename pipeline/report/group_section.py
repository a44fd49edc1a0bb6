"""The section about a group of replicas: how each went, what it cost, and whose model was chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.report.formats import ABSENT, count, finite, mapping, number, plural, rows, seconds, size

WORDS = {
    "finished": "finished",
    "late": "stopped: the others had finished long before",
    "lost": "lost: no restart was left",
    "refused": "refused its config or data",
}
"""What the end of a replica is called; the keys are those of `components.train.group.watch.ENDS`."""


@dataclasses.dataclass(frozen=True)
class Replica:
    """One replica as text."""

    name: str
    chosen: bool
    end: str
    finished: bool
    cells: tuple[str, ...]
    exchange: tuple[str, ...]
    causes: tuple[str, ...]


HEADS = ("Validation loss", "Training loss", "Steps", "Restarts", "Time")
"""Of the cells of a `Replica`."""
EXCHANGE_HEADS = ("Steps taught", "Staleness, mean", "Staleness, most", "Written", "Read")
"""Of what it says of the exchange."""


def replicas(view: Mapping[str, Any]) -> list[Replica]:
    """The replicas of the group, by index; none for a single training."""
    group = mapping(view.get("group"))
    chosen = finite(group.get("chosen"))
    return [_replica(entry, chosen) for entry in rows(group.get("replicas"))]


def sentence(view: Mapping[str, Any]) -> str:
    """Whose model was chosen, and why; and that none was taught, if so."""
    group = mapping(view.get("group"))
    entries = rows(group.get("replicas"))
    chosen = next((entry for entry in entries if entry.get("index") == group.get("chosen")), None)
    if chosen is None:
        return ""
    finished = sum(entry.get("end") == "finished" for entry in entries)
    reason = "the least validation loss"
    if finite(chosen.get("validation_loss")) is None:
        reason = "the least training loss, as there was no validation split"
    told = (
        f"{finished} of {plural(len(entries), 'replica')} finished; the model is that of replica "
        f"{count(chosen.get('index'))}, which has {reason} among them."
    )
    untaught = group.get("untaught")
    if isinstance(untaught, str):
        told += f" None was taught: {untaught.replace('`', '')}."
    return told


def _replica(entry: Mapping[str, Any], chosen: float | None) -> Replica:
    exchange, end = mapping(entry.get("exchange")), str(entry.get("end") or "")
    causes = entry.get("causes")
    planned = finite(entry.get("steps_planned"))
    cells = (
        number(entry.get("validation_loss")),
        number(entry.get("loss")),
        count(entry.get("steps")) + ("" if planned is None else f" of {count(planned)}"),
        count(entry.get("restarts")),
        seconds(entry.get("seconds")),
    )
    taught = (
        count(entry.get("teaching_steps")),
        count(entry.get("mean_staleness_steps")),
        count(entry.get("max_staleness_steps")),
        size(exchange.get("bytes_written")),
        size(exchange.get("bytes_read")),
    )
    return Replica(
        name=count(entry.get("index")),
        chosen=chosen is not None and finite(entry.get("index")) == chosen,
        end=WORDS.get(end, end or ABSENT),
        finished=end == "finished",
        cells=cells,
        exchange=taught,
        causes=tuple(str(cause) for cause in causes) if isinstance(causes, list) else (),
    )
