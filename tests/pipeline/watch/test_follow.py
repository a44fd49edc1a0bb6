"""Jobs beside a training: which checkpoints they see, and that they change nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runs.lock import exclusive
from pipeline.watch import records
from pipeline.watch.follow import follow
from pipeline.watch.training import find
from tests.pipeline.watch.place import CONFIG, Place
from trainer.errors import TandemError


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def acting(*actions: Callable[[], object]) -> Callable[[float], None]:
    """A pause in which the training goes on; one more than there are actions would hang, so it fails."""
    left = list(actions)

    def sleep(seconds: float) -> None:
        assert seconds == 5.0
        left.pop(0)()

    return sleep


def steps(place: Place, watch: bool = False, *actions: Callable[[], object]) -> list[int | None]:
    return [found.step for found in follow(find(str(place.config), None), watch, 5.0, acting(*actions))]


def test_an_interrupted_training_is_looked_at_once_whether_watched_or_not(place: Place) -> None:
    place.began()
    directory = place.training()
    for step in (10, 20):
        place.save(directory, step)
    before = tree(place.root.path)
    assert steps(place) == steps(place, watch=True) == [10, 20]
    found = next(follow(find(place.run.run_id[:15], place.root.path), watch=False))
    assert found.checkpoint is not None
    assert found.checkpoint.tensors["weight"][0] == 10
    assert tree(place.root.path) == before


def test_checkpoints_of_a_running_training_are_seen_as_they_come_until_its_model_is_there(
    place: Place,
) -> None:
    place.began()
    model = place.root.path / "artifacts/train/model/3/Format-Serving"

    def end() -> None:
        model.mkdir(parents=True)
        (model / "saved_model.pb").touch()
        place.ended("train", model="artifacts/train/model/3")

    def third() -> None:
        place.save(directory, 30)
        place.save(directory, 40)

    with exclusive(place.root.lock, "run of pairs") as works_on:
        works_on(place.run.run_id)
        assert find(str(place.config), None).stage() == "training"
        directory = place.training()
        place.save(directory, 10)
        assert steps(place) == [10]
        # Between two looks 10 and 20 are removed, since two are kept.
        assert steps(place, True, lambda: place.save(directory, 20), third, end) == [
            10, 20, 30, 40, None
        ]  # fmt: skip
        found = list(follow(find(str(place.config), None), watch=False))
        assert [f.exported for f in found] == [model]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "unfinished"])
def test_a_torn_checkpoint_is_passed_over_and_left_as_it_is(place: Place, damage: str) -> None:
    place.began()
    directory = place.training()
    place.save(directory, 10)
    torn = place.save(directory, 20)
    whole = torn.read_bytes()
    if damage == "unfinished":
        torn.rename(directory / ".unfinished-abc")
    else:
        wrong = {"cut": whole[:-40], "changed": whole[:99] + b"!" + whole[100:], "empty": b""}
        torn.write_bytes(wrong[damage])
    before = tree(directory)
    assert steps(place) == [10]
    assert tree(directory) == before


def test_checkpoints_of_another_training_are_not_taken(place: Place) -> None:
    place.began()
    place.save(place.training("1" * 16, graph="artifacts/transform/transform_graph/1"), 70)
    with pytest.raises(TandemError, match=r"DECODE-003.*ended before it wrote one.*tandem resume"):
        steps(place)
    place.save(place.training("2" * 16), 80)
    assert steps(place) == [80]


def test_a_training_that_has_not_begun_is_waited_for_or_told(place: Place) -> None:
    with exclusive(place.root.lock, "run of pairs") as works_on:
        works_on(place.run.run_id)
        with pytest.raises(TandemError, match=r"DECODE-003.*not begun to train.*--watch"):
            steps(place)

        def begin() -> None:
            place.began()
            place.save(place.training(), 5)

        def fail() -> None:
            place.ended("train", "failed")

        assert steps(place, True, begin, fail) == [5]


def test_a_model_that_was_removed_is_told(place: Place) -> None:
    place.began()
    place.ended("train", model="artifacts/train/model/3")
    with pytest.raises(TandemError, match=r"DECODE-003.*whose model is gone"):
        steps(place)


def test_a_second_attempt_counts_and_not_how_the_first_ended(place: Place) -> None:
    place.began()
    place.ended("train", "failed")
    assert find(str(place.config), None).stage() == "interrupted"
    place.run.event("run_started", name="pairs", attempt=2)
    with exclusive(place.root.lock, "run of pairs") as works_on:
        works_on(place.run.run_id)
        assert find(str(place.config), None).stage() == "waiting"


def test_what_cannot_be_watched_is_told(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(CONFIG.replace("name: pairs", "name: others"))
    with pytest.raises(TandemError, match=r"DECODE-002.*others.*tandem run"):
        find(str(other), None)
    with pytest.raises(TandemError, match=r"RUN-001"):
        find("1999", place.root.path)
    table = tmp_path / "table"
    table.mkdir()
    there = Place(
        table,
        "name: pairs\ntask: regression\nlabel: {column: y}\nfeatures: {x: {kind: numeric}}\n"
        "data: {path: d.csv}\ngate: {rules: [{metric: rmse, max: 1}]}\n",
    )
    with pytest.raises(TandemError, match=r"DECODE-001.*regression"):
        find(str(there.config), None)


def test_records_are_appended_below_a_torn_line(place: Place) -> None:
    records.append(place.run, {"step": 1})
    with (place.run.directory / records.EVALUATIONS).open("a") as file:
        file.write('{"step": 2, "wer"')
    records.append(place.run, {"step": 3})
    assert [entry["step"] for entry in records.read(place.run)] == [1, 3]
