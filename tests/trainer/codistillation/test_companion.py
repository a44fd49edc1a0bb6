"""What a replica does beside its steps."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.trainer.codistillation.mail import Box, Message, Post
from trainer.codistillation.companion import Companion
from trainer.codistillation.peers import Peers
from trainer.codistillation.teaching import Teaching
from trainer.errors import TandemError
from trainer.spec import CodistillationSpec
from trainer.storage import write_json

WEIGHTS = np.arange(4, dtype=np.float32).reshape(2, 2)
SPEC = CodistillationSpec(replicas=3, exchange_every_steps=10, max_staleness_steps=25)


def build() -> keras.Model:
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(2, use_bias=False, name="only")(inputs))


class Place:
    """A companion of replica 0 of three, with its mail and a clock that the test moves."""

    def __init__(
        self,
        run_dir: Path,
        teaching: Teaching | None = None,
        teaches: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self.post, self.now, self.run_dir = Post(), 0.0, run_dir
        self.box: Box = self.post.box(0)
        self.peers = Peers(build, (1, 2))
        self.companion = Companion(
            SPEC,
            0,
            10,
            self.peers,
            teaching or Teaching(1.0, 0, 0),
            ["only/kernel"],
            lambda: self.box,
            run_dir,
            lambda: self.now,
            teaches,
        )

    def send(self, replica: int, step: int, weights: np.ndarray = WEIGHTS) -> None:
        self.post.sent.append(Message(replica, step, {"only/kernel": weights}))

    def after(self, step: int, finished: bool = False) -> None:
        self.companion.after(step, lambda: [WEIGHTS + step], finished)

    def told(self, step: int) -> dict[str, object]:
        """What is told of a step, once it is."""
        path, end = self.run_dir / "progress.json", time.monotonic() + 15
        while not path.exists() or (found := json.loads(path.read_text()))["step"] != step:
            assert time.monotonic() < end
            time.sleep(0.002)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_weights_are_published_at_multiples_and_at_the_end(place: Place) -> None:
    with place.companion:
        for step in (4, 10, 15, 20):
            place.after(step)
        place.after(23, finished=True)
    assert [(message.step, message.finished) for message in place.post.sent] == [
        (10, False),
        (20, False),
        (23, True),
    ]
    assert (place.post.sent[1].arrays["only/kernel"] == WEIGHTS + 20).all()
    assert place.box.closed[0] > 1


def test_a_failed_training_does_not_wait_for_its_mail(place: Place) -> None:
    with pytest.raises(ZeroDivisionError), place.companion:
        1 / 0  # noqa: B018
    assert place.box.closed == [0.0]


def test_staleness_is_followed_and_too_old_peers_are_dropped(place: Place) -> None:
    place.send(1, 0)
    with place.companion as companion:
        companion.begin(0, 100)
        assert (companion.staleness(0), place.peers.present()) == ({1: 0}, [1])
        place.send(2, 30)
        place.after(10)
        assert companion.staleness_steps(10) == {"1": 10, "2": -20}
        place.after(25)
        assert companion.staleness(25) == {1: 25, 2: -5}
        place.after(26)
        assert (companion.staleness(26), place.peers.present()) == ({2: -4}, [2])
        place.send(1, 26)
        place.after(30)
        assert companion.staleness(30) == {1: 4, 2: 0}
        place.after(32)
        seen = companion.summary()
    # Replica 1 taught steps 0 to 25, and then 30 and 31 with weights of step 26; replica 2 from step 10 on.
    assert seen["peers"]["1"] == {
        "taken": 2,
        "refused": 0,
        "teaching_steps": 28,
        "mean_staleness_steps": (sum(range(26)) + 4 + 5) / 28,
        "max_staleness_steps": 25,
    }
    assert seen["peers"]["2"]["mean_staleness_steps"] == sum(range(-20, 2)) / 22
    assert seen["peers"]["2"]["max_staleness_steps"] == 1
    assert (seen["replica"], seen["replicas"], seen["teaching_steps"]) == (0, 3, 32)
    assert seen["exchange"] == {"sent": 2}


def test_steps_of_the_burn_in_are_not_counted_as_taught(tmp_path: Path) -> None:
    place = Place(tmp_path, Teaching(1.0, burn_in_steps=7, ramp_steps=3))
    place.send(1, 7)
    with place.companion as companion:
        companion.begin(0, 100)
        place.after(6)
        place.after(10)
        # The weight of step 7 is 0, those of 8 and 9 are not.
        assert companion.summary()["teaching_steps"] == 2
        assert companion.summary()["peers"]["1"]["mean_staleness_steps"] == 1.5


def test_a_peer_that_knows_less_than_its_burn_in_asks_for_teaches_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path, Teaching(1.0, burn_in_steps=20, ramp_steps=0))
    place.send(1, 19)
    place.send(2, 20)
    with place.companion as companion, caplog.at_level(logging.INFO, "absl"):
        companion.begin(0, 100)
        assert place.peers.present() == [2]
        place.send(1, 30)
        place.after(30)
        assert companion.staleness(30) == {1: 0, 2: 10}
    assert "replica 1 after its step 19 teach nobody yet: its burn-in is 20 steps" in caplog.text
    assert [one["taken"] for one in companion.summary()["peers"].values()] == [1, 1]


def test_a_peer_that_starts_anew_does_not_take_back_what_it_taught(place: Place) -> None:
    place.send(1, 30)
    with place.companion as companion:
        companion.begin(30, 100)
        for step, taught in ((5, 30), (29, 30), (31, 31)):
            place.send(1, step, WEIGHTS + step)
            place.after(35)
            assert companion.staleness(35) == {1: 35 - taught}
        (kernel,) = place.peers._models[0].trainable_variables
        np.testing.assert_array_equal(kernel.numpy(), WEIGHTS + 31)


def test_a_refused_publication_is_logged_and_the_one_before_teaches_on(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.send(1, 5)
    with place.companion as companion, caplog.at_level(logging.WARNING, "absl"):
        companion.begin(8, 100)
        place.send(1, 9, WEIGHTS[:1])
        place.after(10)
        assert companion.staleness(10) == {1: 5}
        assert companion.summary()["peers"]["1"]["refused"] == 1
    assert "replica 1 after its step 9 are refused" in caplog.text


def test_progress_is_written_once_a_second_and_at_the_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_steps = []

    def write(path: Path, content: dict[str, object], durable: bool = True) -> None:
        told_steps.append(content["step"])
        write_json(path, content, durable)

    monkeypatch.setattr("trainer.codistillation.teller.write_json", write)
    place.send(2, 3)
    with place.companion as companion:
        companion.begin(4, 50)
        told = place.told(4)
        assert {name: told[name] for name in ("step", "steps", "loss", "examples_per_second")} == {
            "step": 4,
            "steps": 50,
            "loss": None,
            "examples_per_second": None,
        }
        assert told["staleness_steps"] == {"2": 1}
        companion.progress(5, 50, 10.0, 4.5, 0.7)
        place.now += 1.0
        companion.progress(6, 50, 10.0, 4.4, 0.6)
        told = place.told(6)
        assert [told[name] for name in ("loss", "seconds_left", "finished")] == [0.6, 4.4, False]
        companion.progress(7, 50, 10.0, 0.0, 0.5, finished=True)
    assert json.loads((place.run_dir / "progress.json").read_text())["finished"]
    assert told_steps == [4, 6, 7]


def test_progress_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    place = Place(tmp_path / "file" / "run")
    with place.companion as companion:
        companion.begin(0, 10)
    assert "progress.json cannot be written" in caplog.text


def test_a_mount_that_hangs_holds_up_no_step_and_the_newest_is_told_after_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, free = [], threading.Event()

    def write(path: Path, content: dict[str, object], durable: bool = True) -> None:
        held.append(content["step"])
        free.wait(30)
        write_json(path, content, durable)

    monkeypatch.setattr("trainer.codistillation.teller.write_json", write)
    started = time.monotonic()
    with place.companion as companion:
        companion.begin(0, 10)
        for step in range(1, 6):
            place.now += 1.0
            companion.progress(step, 10, 1.0, 1.0, 0.5)
        assert time.monotonic() - started < 5
        free.set()
        place.told(5)
        # Nothing is given, so nothing is written, however long it takes.
        (place.run_dir / "progress.json").unlink()
        time.sleep(0.2)
        assert not (place.run_dir / "progress.json").exists()
    # What waited was replaced by what was newer.
    assert len(held) <= 3
    assert all(thread.name != "progress-writer" for thread in threading.enumerate())


def test_progress_waits_for_no_disk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    with place.companion as companion:
        companion.begin(3, 10)
    assert place.told(3)["steps"] == 10
    assert synced == []


def test_a_process_that_was_replaced_is_told_though_its_last_weights_were_handed_over(place: Place) -> None:
    def close(seconds: float) -> None:
        del seconds
        # The last weights are only now refused.
        place.box.error = TandemError("CODIST-002", "replaced")

    place.box.close = close
    with pytest.raises(TandemError, match="CODIST-002"), place.companion:
        place.after(10, finished=True)


def test_a_training_that_failed_tells_why_and_not_that_it_was_replaced(place: Place) -> None:
    place.box.error = TandemError("CODIST-002", "replaced")
    with pytest.raises(ZeroDivisionError), place.companion:
        1 / 0  # noqa: B018


def test_steps_that_peers_have_no_say_in_are_not_counted_as_taught(tmp_path: Path) -> None:
    place = Place(tmp_path, Teaching(1.0, burn_in_steps=2, ramp_steps=0), lambda step: step % 3 == 0)
    place.send(1, 2)
    with place.companion as companion:
        companion.begin(0, 100)
        place.after(5)
        place.after(11)
        seen = companion.summary()
    # Of the steps after 2 to 10 those after 3, 6 and 9.
    assert seen["teaching_steps"] == seen["peers"]["1"]["teaching_steps"] == 3
    assert seen["peers"]["1"]["mean_staleness_steps"] == (1 + 4 + 7) / 3
    assert seen["peers"]["1"]["max_staleness_steps"] == 7


def test_counts_are_kept_over_a_restart(place: Place, tmp_path: Path) -> None:
    place.send(1, 0)
    with place.companion as companion:
        companion.begin(0, 100)
        place.after(12)
        state = json.loads(json.dumps(companion.state()))
    again = Place(tmp_path / "again")
    again.companion.restore(state)
    with again.companion as companion:
        companion.begin(10, 100)
        # Of before the restart is known what happened, not the weights.
        assert companion.staleness(10) == {}
        again.send(1, 10)
        again.after(11)
        again.after(13)
        seen = companion.summary()
    assert (seen["teaching_steps"], seen["peers"]["1"]["taken"]) == (14, 2)
    assert seen["peers"]["1"]["mean_staleness_steps"] == (sum(range(12)) + 1 + 2) / 14
