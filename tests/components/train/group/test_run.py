"""From one specification to the model of the best replica; replicas are made up, so nothing is trained."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from components.train.group.launcher import Member, State
from components.train.group.layout import Layout, discard
from components.train.group.outcome import exchange_of
from components.train.group.run import run_group
from components.train.group.settings import VARIABLE, Settings, current, launched_with
from trainer import faults
from trainer.errors import TandemError
from trainer.loop import RunSpec
from trainer.spec import CodistillationSpec, Column, FeatureSpec, LaunchSpec, ModelSpec, TrainSpec

KEY = "0123456789abcdef"


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    return RunSpec(
        features=FeatureSpec(
            task="binary",
            num_classes=1,
            classes=("no", "yes"),
            wide=(Column("carrier", 7),),
            deep=(),
            dense=(),
            weight=False,
            raw={"carrier": "string"},
            vocabulary_files={},
        ),
        model=ModelSpec(),
        train=TrainSpec(seed=5, codistillation=CodistillationSpec(replicas=3)),
        train_files=("train",),
        transform_graph_dir="graph",
        checkpoint_dir=str(tmp_path / "checkpoints" / KEY),
        output_dir=str(tmp_path / "model"),
        run_dir=str(tmp_path / "model_run"),
    )


@dataclasses.dataclass
class Made:
    """A launcher whose replicas have ended as soon as they are started, with the losses given."""

    losses: list[float | None]
    started: list[RunSpec] = dataclasses.field(default_factory=list)
    closed: bool = False

    def start(self, member: Member) -> None:
        told = RunSpec.from_json(json.loads(Path(member.spec_path).read_text()))
        self.started.append(told)
        loss = self.losses[member.index]
        if loss is None:
            member.log.parent.mkdir(parents=True, exist_ok=True)
            member.log.write_text("TRAIN-401: The loss must be finite. Received: nan\n")
            return
        model = Path(told.output_dir)
        (model / ".unfinished-1" / "part").mkdir(parents=True)
        write(model / "Format-Serving" / "saved_model.pb", f"model {member.index}")
        run_dir = Path(told.run_dir)
        write(run_dir / "history.json", json.dumps([{"loss": loss + 1}, {"loss": None}]))
        peers = {"9": {"teaching_steps": 4, "mean_staleness_steps": 2.0, "max_staleness_steps": 3}}
        summary = {
            "steps": 10 + member.index,
            "steps_planned": 20,
            "stopped_early": True,
            "best_validation_loss": loss,
            "seconds": 1.0,
            "codistillation": {"teaching_steps": 4, "peers": peers, "exchange": {"bytes_written": 7}},
        }
        write(run_dir / "training.json", json.dumps(summary))

    def state(self, member: Member) -> State:
        failed = self.losses[member.index] is None
        return State("failed", 2, reason="exit status 2") if failed else State("finished", 0)

    def stop(self, member: Member) -> None:
        assert self.losses[member.index] is None

    def close(self) -> None:
        self.closed = True


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def content(place: str | Path) -> dict[str, str]:
    root = Path(place)
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


def quietly(_: Any) -> None:
    return


def test_the_best_replica_gives_the_model_and_the_file_tells_of_all(spec: RunSpec) -> None:
    write(Path(spec.output_dir) / "left" / "over", "of an attempt before")
    made = Made([0.5, 0.25, None])
    summary = run_group(spec, quietly, made)
    assert made.closed
    assert summary["best_validation_loss"] == 0.25
    assert content(spec.output_dir) == {"Format-Serving/saved_model.pb": "model 1"}
    assert set(content(spec.run_dir)) == {"history.json", "training.json", "group.json"}
    found = json.loads(content(spec.run_dir)["group.json"])
    exchange = str(Path(spec.checkpoint_dir) / "exchange")
    assert (found["group"], found["exchange"], found["chosen"]) == (KEY, exchange, 1)
    first, _, last = found["replicas"]
    assert {name: first[name] for name in first if name != "seconds"} == {
        "index": 0,
        "end": "finished",
        "restarts": 0,
        "causes": [],
        "steps": 10,
        "steps_planned": 20,
        "stopped_early": True,
        "validation_loss": 0.5,
        "loss": 1.5,
        "teaching_steps": 4,
        "mean_staleness_steps": 2.0,
        "max_staleness_steps": 3.0,
        "exchange": {"bytes_written": 7},
    }
    assert (last["end"], last["steps"], last["validation_loss"]) == ("refused", 0, None)
    assert last["causes"] == ["exit status 2: TRAIN-401: The loss must be finite. Received: nan"]


def test_the_loss_that_counts_is_that_of_the_exported_weights(spec: RunSpec) -> None:
    class Lucky(Made):
        """The first one was better once, with weights that it did not export."""

        def start(self, member: Member) -> None:
            super().start(member)
            run_dir = Path(member.run_dir)
            early = 0.125 if member.index == 0 else 0.75
            entries = [{"step": 1, "loss": 1, "validation_loss": early}]
            entries.append({"step": 9, "loss": 1, "validation_loss": 0.5 - member.index / 16})
            write(run_dir / "history.json", json.dumps(entries))
            summary = json.loads((run_dir / "training.json").read_text()) | {"exported_step": 9}
            write(run_dir / "training.json", json.dumps(summary))

    run_group(spec, quietly, Lucky([0.125, 0.4375, 0.375]))
    found = json.loads(content(spec.run_dir)["group.json"])
    assert found["chosen"] == 2
    assert [one["validation_loss"] for one in found["replicas"]] == [0.5, 0.4375, 0.375]


def test_every_replica_is_told_the_same_but_its_places_and_its_index(spec: RunSpec) -> None:
    made = Made([0.5, 0.25, 0.75])
    run_group(spec, quietly, made)
    for index, told in enumerate(made.started):
        place = f"{spec.checkpoint_dir}/replica-{index}"
        assert told.replica is not None
        assert dataclasses.astuple(told.replica) == (index, KEY, f"{spec.checkpoint_dir}/exchange")
        assert (told.checkpoint_dir, told.run_dir) == (place, f"{place}/run")
        places = ("checkpoint_dir", "output_dir", "run_dir", "replica")
        assert dataclasses.replace(told, **{name: getattr(spec, name) for name in places}) == spec


def test_a_group_goes_on_without_those_that_had_finished(spec: RunSpec) -> None:
    run_group(spec, quietly, Made([0.5, 0.25, 0.75]))
    again = Made([9.0, 0.125, 9.0])
    (Path(spec.checkpoint_dir) / "replica-1" / "model" / "Format-Serving" / "saved_model.pb").unlink()
    run_group(spec, quietly, again)
    # The second one had told of a result whose model is gone.
    assert [told.replica.index for told in again.started if told.replica] == [1]
    found = json.loads(content(spec.run_dir)["group.json"])
    assert [one["validation_loss"] for one in found["replicas"]] == [0.5, 0.125, 0.75]


@pytest.mark.parametrize(
    ("point", "started"),
    [("group.forget replica-0", 3), ("storage.write spec.json", 3), ("group.tidy*", 0),
     ("group.remove model", 0), ("storage.copy_tree model_run", 0), ("storage.copy saved_model.pb", 0),
     ("storage.write group.json", 0)],
)  # fmt: skip
@pytest.mark.parametrize("action", ["ENOSPC", "EIO"])
def test_a_disk_that_fails_after_the_training_costs_no_training(
    spec: RunSpec, monkeypatch: pytest.MonkeyPatch, point: str, started: int, action: str
) -> None:
    monkeypatch.setenv(faults.VARIABLE, f"{action} {point}")
    faults.rearm()
    try:
        with pytest.raises(TandemError, match="GROUP-003"):
            run_group(spec, quietly, Made([0.5, 0.25, 0.75]))
    finally:
        monkeypatch.delenv(faults.VARIABLE)
        faults.rearm()
    again = Made([0.5, 0.25, 0.75])
    run_group(spec, quietly, again)
    assert len(again.started) == started
    assert content(spec.output_dir) == {"Format-Serving/saved_model.pb": "model 1"}
    assert set(content(spec.run_dir)) == {"history.json", "training.json", "group.json"}


def test_nobody_finished_and_all_were_refused_is_a_mistake_of_the_config(spec: RunSpec) -> None:
    with pytest.raises(TandemError) as caught:
        run_group(spec, quietly, Made([None, None, None]))
    assert (caught.value.code, caught.value.exit_status) == ("GROUP-004", 2)
    assert caught.value.message.count("TRAIN-401") == 3
    assert not Path(spec.output_dir).exists()


def test_logs_and_a_shared_directory_are_where_the_settings_say(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = LaunchSpec(directory=str(tmp_path / "shared"), restarts=0)
    made = Made([0.5, 0.25, None])
    with launched_with(Settings(launch, tmp_path / "logs")):
        run_group(spec, quietly, made)
    assert [file.name for file in (tmp_path / "logs").iterdir()] == ["train-replica-2.log"]
    assert made.started[0].checkpoint_dir == str(tmp_path / "shared" / KEY / "replica-0")
    exchange = exchange_of(Path(spec.run_dir))
    assert exchange == str(tmp_path / "shared" / KEY / "exchange")
    monkeypatch.setenv(faults.VARIABLE, "EIO group.discard")
    faults.rearm()
    with pytest.raises(OSError, match=r"group\.discard"):
        discard(exchange)
    monkeypatch.delenv(faults.VARIABLE)
    faults.rearm()
    discard(exchange)
    assert list((tmp_path / "shared").iterdir()) == []
    assert content(spec.output_dir) == {"Format-Serving/saved_model.pb": "model 1"}


def test_settings_come_from_the_run_then_from_the_environment_then_from_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = LaunchSpec(restarts=7)
    assert current(plan) == Settings(plan)
    monkeypatch.setenv(VARIABLE, json.dumps({"restarts": 1}))
    assert current(plan) == Settings(LaunchSpec(restarts=1))
    with launched_with(Settings(LaunchSpec(restarts=2))):
        assert current(plan).launch.restarts == 2
    monkeypatch.setenv(VARIABLE, "{")
    with pytest.raises(TandemError, match="GROUP-002"):
        current(plan)


def test_an_object_store_holds_the_exchange_alone() -> None:
    layout = Layout(Path("/checkpoints") / KEY, "gs://bucket/groups/")
    assert layout.exchange == f"gs://bucket/groups/{KEY}/exchange"
    assert layout.replica(0) == Path(f"/checkpoints/{KEY}/replica-0")


def test_termination_ends_a_group_like_an_interrupt(spec: RunSpec) -> None:
    class Waits(Made):
        told = False

        def state(self, member: Member) -> State:
            del member
            if not self.told:
                self.told = True
                # Nobody listening, it would end the tests.
                assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
                os.kill(os.getpid(), signal.SIGTERM)
            return State("running")

        def stop(self, member: Member) -> None:
            del member

    waits = Waits([None, None, None])
    with pytest.raises(KeyboardInterrupt):
        run_group(spec, quietly, waits)
    assert waits.closed
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
