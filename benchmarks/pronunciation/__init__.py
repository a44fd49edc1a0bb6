"""Pronunciation: word and phone error rates against minutes of training, beside peers.

    python -m benchmarks.pronunciation [--minutes N [--resume]] [--peer phonetisaurus|pytorch] [--store]

Every system learns from the same 112,433 words and is judged on the same 6,247. One run measures one point;
without `--minutes` and `--peer` it measures the quickest two, ours of 8 minutes and Phonetisaurus. The table
shows them beside the points that `--store` has kept. A training that was interrupted goes on with `--resume`,
and only the time in which it ran counts: all of the training process, its start included, and neither ingest
and transform before it nor decoding after it. The promises: at most 34% WER after 30 minutes, and after 180
minutes less than Phonetisaurus.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.record import Figure

ROOT = Path(".tandem") / "pronunciation"


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; error rates and times of what was measured now."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--minutes", type=int, choices=(8, 30, 180), help="our point of this budget")
    which.add_argument("--peer", choices=("phonetisaurus", "pytorch"), help="the point of a peer")
    which.add_argument("--stored", action="store_true", help="only draw curve and card anew")
    parser.add_argument("--peer-minutes", type=float, default=30.0, help="of PyTorch's training")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch's training")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="of the trainings; .tandem/pronunciation by default"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field")
    parser.add_argument("--store", action="store_true", help="keep the points, draw the curve and the card")
    given = parser.parse_args(arguments)
    # Peers import this package where the project's libraries are absent.
    from benchmarks import machine
    from benchmarks.pronunciation import peers, points, tandem

    print(machine.line(), flush=True)
    fresh = []
    if given.peer == "phonetisaurus" or not (given.peer or given.minutes or given.stored):
        fresh.append(peers.of_phonetisaurus())
    if given.peer == "pytorch":
        fresh.append(peers.of_pytorch(given.peer_minutes, given.threads))
    if given.minutes or not (given.peer or given.stored):
        fresh.append(tandem.point(given.minutes or 8, given.root, given.resume, given.set))
    known = points.read()
    now = {point.name: point for point in fresh}
    known |= now
    if given.store:
        for point in fresh:
            points.store(point)
    if given.store or given.stored:
        _draw(known)
    print("112,433 words to learn from, 6,247 to judge; our points and the peers'")
    print(*points.table(known, set(now)), sep="\n")
    return [figure for figure in points.figures(known) if figure.name.rpartition(":")[0] in now]


def _draw(known: dict) -> None:  # type: ignore[type-arg]
    from benchmarks.pronunciation import card, curve, points
    from trainer.storage import write_atomic

    write_atomic(card.CURVE, curve.picture(known))
    if points.ours(points.BUDGETS[-1]) in known:
        write_atomic(card.CARD, card.card(known))
