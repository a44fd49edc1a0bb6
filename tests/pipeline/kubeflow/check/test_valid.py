"""A good file is accepted, loaded and named no problems; reading it stays cheap."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.kubeflow.check import CheckError, check, load, require
from pipeline.kubeflow.check.containers import FLAGS
from tests.pipeline.kubeflow.check.files import GONE, VALID, changed
from trainer.errors import TandemError


def test_a_good_file_has_no_problems() -> None:
    assert check(VALID.read_text()) == []


def test_a_good_file_becomes_protocol_buffers() -> None:
    package = load(VALID)
    assert package.spec.pipeline_info.name == "tandem-small"
    assert sorted(package.spec.root.dag.tasks) == ["finish", "tfx-dag"]
    assert (
        package.deployment.executors["train_executor"].container.resources.accelerator.resource_count == "4"
    )
    assert package.deployment.executors["schema_executor"].importer.artifact_uri.runtime_parameter == "uri"
    assert package.kubernetes["train_executor"].active_deadline_seconds == 7200
    assert package.kubernetes["train_executor"].empty_dir_mounts[0].mount_path == "/dev/shm"
    assert set(package.kubernetes) == set(package.platform.platforms["kubernetes"].deployment_spec.executors)
    assert load(VALID.read_text()) == package


def test_a_refusal_tells_every_problem_with_its_line() -> None:
    text = VALID.read_text().replace("producerTask: statistics", "producerTask: statistic")
    text = text.replace("image: example.com/tandem:1.0", "image: example.com/tandem", 1)
    with pytest.raises(CheckError) as caught:
        require(text, "pipeline.yaml")
    error = caught.value
    assert (error.code, error.exit_status, len(error.problems)) == ("KFP-020", 2, 2)
    lines = text.splitlines()
    for problem in error.problems:
        assert problem.text() in error.message
        assert problem.line is not None
        assert str(problem.path[-1]) in lines[problem.line - 1]
    assert "Did you mean `statistics`?" in error.message
    assert "2 problems in pipeline.yaml" in error.message
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, str(again)) == (error.problems, str(error))


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    for name in ("none.yaml", "latin.yaml", ""):
        with pytest.raises(TandemError) as caught:
            load(tmp_path / name)
        assert caught.value.code == "KFP-021"
        assert str(tmp_path / name) in caught.value.message


def test_problems_come_in_the_order_of_the_file() -> None:
    text = yaml.safe_dump_all(
        changed(("schemaVersion", GONE), ("pipelineInfo name", "A_b"), ("root dag", {}))
    )
    lines = [problem.line or 0 for problem in check(text)]
    assert lines == sorted(lines)
    assert len(lines) > 4


def test_the_options_are_those_of_the_entrypoint() -> None:
    source = VALID.parents[4] / "pipeline" / "kubeflow" / "entrypoint.py"
    assert sorted(re.findall(r'add_argument\("(--\w+)"', source.read_text())) == sorted(FLAGS)


def test_a_check_imports_neither_tfx_nor_tensorflow() -> None:
    child = (
        "import sys; from pipeline.kubeflow.check import load; load(sys.argv[1]); "
        "heavy = {'tfx', 'tensorflow', 'apache_beam', 'pandas'}; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", child, str(VALID)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
