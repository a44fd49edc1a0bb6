"""Files that a simulation finds on the state volume."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.simulate import _reasons, _told
from pipeline.kubeflow.simulate.document import load
from pipeline.kubeflow.simulate.files import put, state_volume
from pipeline.kubeflow.simulate.pod import Cluster
from trainer.errors import TandemError

GOLDEN = Path(__file__).resolve().parents[3] / "contract" / "golden" / "kubeflow_plain.yaml"


def test_they_lie_at_the_top_of_the_volume_that_the_steps_keep_their_state_on(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    document = load(GOLDEN)
    own = state_volume(document, Cluster(tmp_path / "volumes", {}, {}, {}))
    assert own == tmp_path / "volumes" / "tandem"
    given = tmp_path / "given"
    given.mkdir()
    assert state_volume(document, Cluster(tmp_path / "volumes", {"tandem": given}, {}, {})) == given
    put([tmp_path / "rows.csv"], given)
    (tmp_path / "rows.csv").write_text("a,b\n3,4\n")
    put([tmp_path / "rows.csv"], given)
    assert [path.name for path in given.iterdir()] == ["rows.csv"]
    assert (given / "rows.csv").read_text() == "a,b\n3,4\n"


def test_a_relative_path_stays_what_it_is_and_a_directory_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("spans/1/rows.csv", "spans/2/rows.csv"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text(name)
    volume = tmp_path / "volume"
    volume.mkdir()
    put([Path("spans/2/rows.csv")], volume)
    put([Path("spans")], volume)
    Path("spans/1/rows.csv").unlink()
    put([Path("spans")], volume)
    found = sorted(str(path.relative_to(volume)) for path in volume.rglob("*") if path.is_file())
    assert found == ["spans/2/rows.csv"]


def test_why_a_model_was_not_pushed_is_told() -> None:
    rule = {"rule": "auc >= 0.9", "slice": "overall", "verdict": "fail", "reason": "0.7 < 0.9"}
    assert _reasons({"status": "not_blessed", "gate": [rule]}) == ["✗ auc >= 0.9  overall: 0.7 < 0.9"]
    assert _reasons({"status": "not_blessed", "push": {"reason": "it was denied"}}) == ["it was denied"]
    assert _reasons({"status": "pushed"}) == []


def test_an_absent_file_and_a_pipeline_without_state_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="KFP-208"):
        put([tmp_path / "absent.csv"], tmp_path)
    text = GOLDEN.read_text().replace("- --state", "- --statf")
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(TandemError, match="KFP-207"):
        state_volume(load(tmp_path / "other.yaml"), Cluster(tmp_path, {}, {}, {}))


def test_a_failed_task_is_told_by_the_error_of_its_step(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("much\nTRAIN-004: Expected rows. Received: none\n\n")
    assert (_told("train", "exit status 2", str(log)).code) == "TRAIN-004"
    assert "In step train" in str(_told("train", "exit status 2", str(log)))
    log.write_text("killed\n")
    assert _told("train", "exit status 137", str(log)).code == "KFP-206"
    assert _told("train", "exit status 137", "").code == "KFP-206"
    log.write_text("KFP-108: Expected step train to end by itself.\n")
    assert "DeadlineExceeded" in str(_told("train", "DeadlineExceeded: longer than 2 s", str(log)))
