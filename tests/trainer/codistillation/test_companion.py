"""What a replica does beside its steps."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.trainer.codistillation.mail import Box, Message, Post
from trainer.codistillation.companion import Companion
from trainer.codistillation.peers import Peers
from trainer.codistillation.teaching import Teaching
from trainer.spec import CodistillationSpec

WEIGHTS = np.arange(4, dtype=np.float32).reshape(2, 2)
SPEC = CodistillationSpec(replicas=3, exchange_every_steps=10, max_staleness_steps=25)


def build() -> keras.Model:
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(2, use_bias=False, name="only")(inputs))


class Place:
    """A companion of replica 0 of three, with its mail and a clock that the test moves."""

    def __init__(self, run_dir: Path, teaching: Teaching | None = None) -> None:
        self.post, self.now, self.run_dir = Post(), 0.0, run_dir
        self.box: Box = self.post.box(0)
        self.peers = Peers(build, (1, 2))
        self.companion = Companion(
            SPEC,
            0,
            self.peers,
            teaching or Teaching(1.0, 0, 0),
            ["only/kernel"],
            lambda: self.box,
            run_dir,
            lambda: self.now,
        )

    def send(self, replica: int, step: int, weights: np.ndarray = WEIGHTS) -> None:
        self.post.sent.append(Message(replica, step, {"only/kernel": weights}))

    def after(self, step: int, finished: bool = False) -> None:
        self.companion.after(step, lambda: [WEIGHTS + step], finished)

    def told(self) -> dict[str, object]:
        return json.loads((self.run_dir / "progress.json").read_text())


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
    place.send(1, 0)
    with place.companion as companion:
        companion.begin(0, 100)
        place.after(6)
        place.after(10)
        # The weight of step 7 is 0, those of 8 and 9 are not.
        assert companion.summary()["teaching_steps"] == 2
        assert companion.summary()["peers"]["1"]["mean_staleness_steps"] == 8.5


@pytest.mark.parametrize("bad", [WEIGHTS[:1], WEIGHTS * np.float32("nan")])
def test_a_refused_publication_is_logged_and_the_one_before_teaches_on(
    place: Place, bad: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    place.send(1, 5)
    with place.companion as companion, caplog.at_level(logging.WARNING, "absl"):
        companion.begin(8, 100)
        place.send(1, 9, bad)
        place.after(10)
        assert companion.staleness(10) == {1: 5}
        assert companion.summary()["peers"]["1"]["refused"] == 1
    assert "replica 1 after its step 9 are refused" in caplog.text


def test_progress_is_written_once_a_second_and_at_the_end(place: Place) -> None:
    place.send(2, 3)
    with place.companion as companion:
        companion.begin(4, 50)
        told = place.told()
        assert {name: told[name] for name in ("step", "steps", "loss", "examples_per_second")} == {
            "step": 4,
            "steps": 50,
            "loss": None,
            "examples_per_second": None,
        }
        assert told["staleness_steps"] == {"2": 1}
        companion.progress(5, 50, 10.0, 4.5, 0.7)
        assert place.told()["step"] == 4
        place.now += 1.0
        companion.progress(6, 50, 10.0, 4.4, 0.6)
        assert [place.told()[name] for name in ("step", "loss", "seconds_left", "finished")] == [
            6,
            0.6,
            4.4,
            False,
        ]
        companion.progress(7, 50, 10.0, 0.0, 0.5, finished=True)
        assert (place.told()["step"], place.told()["finished"]) == (7, True)


def test_progress_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = Place(tmp_path / "file" / "run")
    with place.companion as companion:
        companion.begin(0, 10)


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
