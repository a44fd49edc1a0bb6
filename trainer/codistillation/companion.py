"""What a replica does beside its steps: hands on its weights, takes in the peers', tells how it is."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from absl import logging
from numpy.typing import NDArray

from trainer.codistillation.peers import Peers
from trainer.codistillation.teaching import Teaching
from trainer.codistillation.teller import Teller
from trainer.errors import TandemError
from trainer.spec import CodistillationSpec, Json

PROGRESS = "progress.json"
_EVERY_SECONDS = 1.0
_CLOSE_SECONDS = 60.0
_TELL_SECONDS = 10.0

Weights = list[NDArray[Any]]


class Arrival(Protocol):
    """Whole weights of a peer, see `trainer.codistillation.exchange.Publication`."""

    @property
    def replica(self) -> int:
        """Whose they are."""

    @property
    def step(self) -> int:
        """Steps that the peer had done."""

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """By the path of the variable."""


class Mail(Protocol):
    """Carries weights between replicas, see `trainer.codistillation.exchange.Exchange`."""

    @property
    def error(self) -> TandemError | None:
        """Why nothing is published any more; final after `close`."""

    def publish(self, step: int, arrays: Mapping[str, NDArray[Any]], finished: bool = False) -> None:
        """Hands weights on; returns at once."""

    def arrived(self) -> Sequence[Arrival]:
        """What is new since the last call; does not wait."""

    def statistics(self) -> Json:
        """What was carried."""

    def close(self, seconds: float = ...) -> None:
        """Writes what waits."""


@dataclasses.dataclass
class _Peer:
    """What is known of a peer; all but `step` is kept in checkpoints."""

    step: int | None = None
    taken: int = 0
    refused: int = 0
    teaching_steps: int = 0
    staleness_sum: int = 0
    max_staleness_steps: int | None = None


class Companion:
    """Stands beside the loop of a replica, which calls it between blocks of steps.

    Whose weights are in use, and whether they are too stale, is looked at there only: within a block of at
    most 64 steps they stay.

    Args:
        spec: how stale a peer may be.
        index: int. The own replica.
        every: int. Steps between two publications; blocks of steps end there.
        peers: their models.
        teaching: weight of the teaching term by step.
        names: paths of the variables that are published, in the order of the weights.
        connect: opens what carries the weights.
        run_dir: gets `progress.json`.
        clock: seconds that only grow. Defaults to `time.monotonic`.
        teaches: whether peers have a say in the step after so many steps, whatever its weight. Defaults to
            always.
    """

    def __init__(
        self,
        spec: CodistillationSpec,
        index: int,
        every: int,
        peers: Peers,
        teaching: Teaching,
        names: Sequence[str],
        connect: Callable[[], Mail],
        run_dir: Path,
        clock: Callable[[], float] = time.monotonic,
        teaches: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._spec, self._index, self.every = spec, index, every
        self._peers, self._teaching = peers, teaching
        self._names = list(names)
        self._connect = connect
        self._mail: Mail | None = None
        self._teller = Teller(run_dir / PROGRESS)
        self._clock, self._teaches = clock, teaches
        self._told = -float("inf")
        self._known = {replica: _Peer() for replica in peers.replicas}
        self._teaching_steps = 0
        self._step = 0

    def begin(self, step: int, steps: int) -> None:
        """Before the first block: takes in what is there, and tells that the training lives."""
        self._step = step
        self._take_in(step)
        self.progress(step, steps, None, None, None)

    def after(self, step: int, weights: Callable[[], Weights], finished: bool) -> None:
        """After a block: publishes if it is time, and takes in what arrived.

        Args:
            step: int. Steps done.
            weights: gives a copy of what is published.
            finished: bool. No step is left.

        Raises:
            TandemError: `CODIST-002` if another process has taken over this replica.
        """
        self._count(step)
        if finished or step % self.every == 0:
            self.publish(step, weights(), finished)
        if not finished:
            self._take_in(step)

    def publish(self, step: int, weights: Weights, finished: bool) -> None:
        """Hands weights on to the peers."""
        assert self._mail is not None
        self._mail.publish(step, dict(zip(self._names, weights, strict=True)), finished)

    def _count(self, step: int) -> None:
        """Books the steps since the last call; peers change between blocks only."""
        first, self._step = self._step, step
        present = self._peers.present()
        steps = range(first, step)
        taught = [done for done in steps if self._teaching.weight_at(done) > 0 and self._teaches(done)]
        if not (present and taught):
            return
        self._teaching_steps += len(taught)
        for replica in present:
            known = self._known[replica]
            assert known.step is not None
            last = taught[-1] - known.step
            known.teaching_steps += len(taught)
            known.staleness_sum += sum(taught) - len(taught) * known.step
            greatest = known.max_staleness_steps
            known.max_staleness_steps = last if greatest is None else max(last, greatest)

    def _take_in(self, step: int) -> None:
        assert self._mail is not None
        for arrival in self._mail.arrived():
            known = self._known.get(arrival.replica)
            if known is None:
                continue
            reason = self._peers.refusal(arrival.arrays)
            if reason is not None:
                known.refused += 1
                logging.warning(
                    "Weights of replica %d after its step %d are refused: %s.",
                    arrival.replica,
                    arrival.step,
                    reason,
                )
                continue
            unready = self._unready(known, arrival.step)
            if unready is not None:
                logging.info(
                    "Weights of replica %d after its step %d teach nobody yet: %s.",
                    arrival.replica,
                    arrival.step,
                    unready,
                )
                continue
            known.step, known.taken = arrival.step, known.taken + 1
            self._peers.assign(arrival.replica, arrival.arrays)
            logging.info(
                "Weights of replica %d after its step %d are taken in at step %d.",
                arrival.replica,
                arrival.step,
                step,
            )
        for replica, staleness in self.staleness(step).items():
            if staleness > self._spec.max_staleness_steps:
                self._peers.drop(replica)
                logging.warning(
                    "Replica %d teaches no more: its weights are %d steps old, and at most %d are allowed.",
                    replica,
                    staleness,
                    self._spec.max_staleness_steps,
                )

    def _unready(self, known: _Peer, step: int) -> str | None:
        """Why weights that fit are not to be taught by; None if they are.

        A peer that starts late, or anew without a checkpoint, knows less than its burn-in asks for, or than
        its weights that are here already.
        """
        if step < self._teaching.burn_in_steps:
            return f"its burn-in is {self._teaching.burn_in_steps} steps"
        if known.step is not None and step < known.step:
            return f"those after its step {known.step} teach on"
        return None

    def staleness(self, step: int) -> dict[int, int]:
        """Own steps minus those of the publication in use, by present peer; below 0 if that is ahead."""
        found = {}
        for replica in self._peers.present():
            of = self._known[replica].step
            assert of is not None
            found[replica] = step - of
        return found

    def staleness_steps(self, step: int) -> dict[str, int]:
        """`staleness` as JSON."""
        return {str(replica): steps for replica, steps in self.staleness(step).items()}

    def progress(
        self,
        step: int,
        steps: int,
        examples_per_second: float | None,
        seconds_left: float | None,
        loss: float | None,
        finished: bool = False,
    ) -> None:
        """Has `progress.json` written, at most once a second but at the end; waits for no disk.

        Args:
            step: int. Steps done.
            steps: int. Most steps planned.
            examples_per_second: float or None. Speed of the steps alone.
            seconds_left: float or None. Time to `steps` at that speed.
            loss: float or None. Mean training loss of the last steps.
            finished: bool. No step is left. Defaults to `False`.
        """
        now = self._clock()
        if now - self._told < _EVERY_SECONDS and not finished:
            return
        self._told = now
        content = {
            "step": step,
            "steps": steps,
            "examples_per_second": examples_per_second,
            "seconds_left": seconds_left,
            "loss": loss,
            "staleness_steps": self.staleness_steps(step),
            "finished": finished,
            "time": time.time(),
        }
        self._teller.tell(content)

    def summary(self) -> Json:
        """What happened: `replica`, `replicas`, `teaching_steps` (with at least one peer), `peers` (for each
        the weights `taken` in and `refused`, its `teaching_steps`, and mean and greatest staleness over
        these) and the statistics of the `exchange`.
        """
        peers = {}
        for replica, known in self._known.items():
            taught = known.teaching_steps
            peers[str(replica)] = {
                "taken": known.taken,
                "refused": known.refused,
                "teaching_steps": taught,
                "mean_staleness_steps": known.staleness_sum / taught if taught else None,
                "max_staleness_steps": known.max_staleness_steps,
            }
        return {
            "replica": self._index,
            "replicas": self._spec.replicas,
            "teaching_steps": self._teaching_steps,
            "peers": peers,
            "exchange": self._mail.statistics() if self._mail else {},
        }

    def state(self) -> Json:
        """What a checkpoint keeps of it, as JSON; not the peers' weights, which arrive anew."""
        known = {str(replica): dataclasses.asdict(peer) for replica, peer in self._known.items()}
        return {"teaching_steps": self._teaching_steps, "peers": known}

    def restore(self, state: Json) -> None:
        """Takes over what `state` returned."""
        self._teaching_steps = state["teaching_steps"]
        for replica, known in state["peers"].items():
            self._known[int(replica)] = _Peer(**{**known, "step": None})

    def log(self, step: int) -> None:
        """A line about who teaches, and how stale it is."""
        told = ", ".join(f"replica {r} {stale} steps old" for r, stale in self.staleness(step).items())
        logging.info("teaching weight %.3f, %s", self._teaching.weight_at(step), told or "no peer is there")

    def __enter__(self) -> Self:
        self._mail = self._connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits until what was published last is written, a minute at most; a failed training waits for
        nothing.

        Raises:
            TandemError: `CODIST-001` or `CODIST-002` if that came out only now: a process that was replaced
                must not export where its successor does.
        """
        assert self._mail is not None
        self._mail.close(_CLOSE_SECONDS if kind is None else 0.0)
        self._teller.close(_TELL_SECONDS if kind is None else 0.0)
        if kind is None and self._mail.error is not None:
            raise self._mail.error
