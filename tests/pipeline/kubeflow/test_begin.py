"""The first step: the same values as a run on one machine finds, with the paths of the pod."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.graph import fingerprints
from pipeline.kubeflow.pod import Pod
from pipeline.kubeflow.spans import span_number
from pipeline.kubeflow.steps.begin import OUTPUTS
from pipeline.state import State, find
from tests.pipeline.kubeflow.pods import NEXT, RUN, Pods
from trainer.errors import TandemError

Made = Callable[..., Pods]
PREPARE = """
import pathlib, shutil
def inputs():
    return ["data.csv"]
def rows(directory):
    shutil.copy(pathlib.Path(__file__).parent / "data.csv", directory)
"""


def found_here(pods: Pods) -> State:
    """What a run on this machine finds on the same root."""
    root = pods.root
    return find(pods.config, root.path, root, root.serving, fingerprints())


def test_a_first_run_begins_with_the_digests_of_a_run_on_one_machine(
    pods: Made, small_run: Callable[[str], Any]
) -> None:
    volume = pods()
    told = volume.begin()
    prints = small_run("binary").summary["fingerprints"]
    assert (told["data"], told["run"]) == (prints["data"], prints["run"])
    assert volume.record().digests() == {"data": prints["data"], "run": prints["run"]}
    assert set(told) == set(OUTPUTS)
    empty = {"previous_statistics", "warm_start_from", "resolved_span", "schema_state"}
    assert {name for name, value in told.items() if value == ""} == empty
    assert told["schema_version"] == 1
    identity = json.loads((volume.volume / "registry/small/registry.json").read_text())["identity"]
    assert told["push"] == f"{identity}/none|denied="


def test_every_value_is_what_a_run_on_the_same_root_finds(pods: Made, small: ModuleType) -> None:
    volume = pods("train.warm_start=keep", whole=True)
    small.frame("binary", seed=3).to_csv(volume.volume / "data.csv", index=False)
    here = dataclasses.asdict(found_here(volume))
    assert str(volume.volume) in here["previous_statistics"]
    assert str(volume.volume) in here["warm_start_from"]
    told = volume.begin()
    wanted = {name: Pod(volume.mounts).outside(value) for name, value in here.items()}
    assert told == wanted | {"resolved_span": ""}
    assert told["previous_statistics"].startswith("/tandem/artifacts/statistics/statistics/")
    assert json.loads(told["warm_start_from"])["directory"] == "/tandem/serving/small/1"
    assert str(volume.place) not in json.dumps(volume.written("begin"))


def test_a_run_that_is_repeated_finds_what_it_found_before_its_push(
    pods: Made, small_run: Callable[[str], Any]
) -> None:
    volume = pods(whole=True)
    first, again = volume.begin(), volume.begin(NEXT)
    assert first == again
    assert first["run"] == small_run("binary").summary["fingerprints"]["run"]
    # The version that the same run has pushed does not count.
    assert first["push"].partition("/")[2] == "none|denied="
    assert len(list(volume.root.runs.glob("*/digests.json"))) == 2


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", None),
        ("  ", None),
        ("0", 0),
        (" 12 ", 12),
        ("0012", 12),
        ("1970-01-01", 0),
        ("1970-01-03", 2),
        ("2026-11-26", 20783),
        ("2026-11-26T23:59:59Z", 20783),
        ("2026-11-26T00:00:00+09:00", 20783),
    ],
)
def test_a_span_is_a_number_a_day_or_a_moment(text: str, number: int | None) -> None:
    assert span_number(text) == number


@pytest.mark.parametrize("text", ["-1", "1.0", "٣", "2026-13-01", "[[ScheduledTime.2006-01-02]]", "today"])
def test_another_text_is_no_span(text: str) -> None:
    with pytest.raises(TandemError, match="KFP-110") as refused:
        span_number(text)
    assert f"span={text}" in refused.value.message
    assert refused.value.exit_status == 2


def spans(pods: Pods, small: ModuleType) -> None:
    for span in (1, 2):
        small.frame("binary", seed=span).to_csv(pods.volume / f"rows-{span}.csv", index=False)


def test_the_span_of_the_run_selects_the_files(pods: Made, small: ModuleType) -> None:
    volume = pods("data.path='rows-{SPAN}.csv'")
    spans(volume, small)
    newest, one, two = volume.begin(), volume.begin(NEXT, span="1"), volume.begin(NEXT, span="2")
    assert [told["resolved_span"] for told in (newest, one, two)] == ["", "1", "2"]
    # The digest of the data is the whole content: the newest is the second.
    assert newest["data"] == two["data"] != one["data"]
    # The run of a day is another one than that of the day before.
    assert len({told["run"] for told in (newest, one, two)}) == 3


def test_a_span_that_is_not_there_ends_the_step(
    pods: Made, small: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    volume = pods("data.path='rows-{SPAN}.csv'")
    spans(volume, small)
    assert volume.run("begin", span="3") == 2
    assert "INGEST-016" in capfd.readouterr().err
    error = volume.record().steps()["begin"]["error"]
    assert error["code"] == "INGEST-016"
    assert "expected span 3" in error["message"]
    # Without any output the backend must not take the step for done.
    assert not (volume.place / f"tmp/kfp_outputs/begin-{RUN}.json").exists()


def test_the_file_of_the_prepare_step_lies_where_its_relative_paths_start(pods: Made, tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text(PREPARE)
    volume = pods("data.path=null", "data.prepare='prepare.py:rows'")
    base = volume.volume / "prepare" / hashlib.sha256(PREPARE.encode()).hexdigest()[:16]
    base.mkdir(parents=True)
    (volume.volume / "data.csv").rename(base / "data.csv")
    told = volume.begin()
    assert (base / "prepare.py").read_text() == PREPARE
    here = find(volume.config, base, volume.root, volume.root.serving, fingerprints())
    assert (told["data"], told["run"]) == (here.data, here.run)
    # The step that reads the rows is told the same place.
    assert volume.constants("ingest")["base_directory"] == f"/tandem/prepare/{base.name}"
    # A file that another version of the config left is not read.
    (base / "prepare.py").write_text("broken(")
    assert volume.begin(NEXT)["data"] == told["data"]


def test_a_prepare_file_with_text_that_argo_fills_in_arrives_as_it_is(pods: Made, tmp_path: Path) -> None:
    source = PREPARE + "# {{workflow.name}}\n"
    (tmp_path / "prepare.py").write_text(source)
    volume = pods("data.path=null", "data.prepare='prepare.py:rows'")
    assert "{{" not in json.dumps(volume.told("begin"))
    base = volume.volume / "prepare" / hashlib.sha256(source.encode()).hexdigest()[:16]
    base.mkdir(parents=True)
    (base / "data.csv").write_bytes((volume.volume / "data.csv").read_bytes())
    volume.begin()
    assert (base / "prepare.py").read_text() == source
