"""`tandem simulate` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

from tests.pipeline.kubeflow.simulate.conftest import python, shell


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    program = "import sys; from pipeline.cli import main; sys.exit(main())"
    typed = [sys.executable, "-c", program, "simulate", *map(str, words)]
    return subprocess.run(typed, capture_output=True, text=True, check=False, timeout=60)


def test_it_tells_each_task_and_ends_with_the_status_of_the_run(pipeline, tmp_path) -> None:
    summary = """
uri = given['outputs']['artifacts']['report']['artifacts'][0]['uri'].split('/report/')[0]
uri += '/report/summary.json'
write(local(uri), json.dumps({'status': given['inputs']['parameterValues']['status']}))
moved = {'artifacts': {'report': {'artifacts': [{'uri': uri}]}}}
write(host(given['outputs']['outputFile']), json.dumps(moved))
"""
    pipeline.inputs(status={"parameterType": "STRING", "defaultValue": "pushed"})
    source = {"componentInputParameter": "status"}
    pipeline.task("report", python(summary), makes=("report",), parameters={"status": source})
    file = pipeline.write(tmp_path / "pipeline.yaml")
    ended = command(file, "--backend", "old")
    assert ended.returncode == 0, ended.stderr
    assert "✓ report" in ended.stdout
    assert "status  pushed" in ended.stdout
    assert (tmp_path / ".tandem-simulation/result.json").exists()
    ended = command(file, "--json", "--param", "status=not_blessed", "--root", tmp_path / "other")
    assert ended.returncode == 3
    told = json.loads(ended.stdout)
    assert (told["exit_status"], told["tasks"][0]["state"]) == (3, "ran")


def test_a_failure_names_the_log_and_shows_what_tasks_write(pipeline, tmp_path) -> None:
    pipeline.task("bad", shell("echo out of luck; exit 4"))
    ended = command(pipeline.write(tmp_path / "pipeline.yaml"), "--verbose")
    assert ended.returncode == 1
    assert "bad out of luck" in ended.stdout
    assert "KFP-206" in ended.stderr
    assert "exit status 4" in ended.stderr
    log = next(line for line in ended.stderr.splitlines() if line.strip().startswith("log"))
    assert Path(log.split()[1]).read_text() == "out of luck\n"


def test_bad_files_and_options_are_told_without_values(pipeline, tmp_path) -> None:
    pipeline.task("a", shell("true"))
    file = pipeline.write(tmp_path / "pipeline.yaml")
    for option, text in (
        ("--param", "word"),
        ("--volume", "=x"),
        ("--secret", "web=hush"),
        ("--secret", "web"),
    ):
        ended = command(file, option, text)
        assert ended.returncode == 2
        assert "KFP-205" in ended.stderr
        assert "hush" not in ended.stderr + ended.stdout
    documents = list(yaml.safe_load_all(file.read_text()))
    documents[0]["root"]["dag"]["tasks"]["a"]["componentRef"]["name"] = "comp-b"
    file.write_text(yaml.safe_dump_all(documents))
    ended = command(file)
    assert (ended.returncode, "KFP-201" in ended.stderr) == (2, True)


def test_a_file_with_the_entrypoint_of_tandem_is_held_to_the_strict_checks(pipeline, tmp_path) -> None:
    pipeline.task("a", {"image": "i", "command": ["python", "-m", "pipeline.kubeflow.entrypoint"]})
    ended = command(pipeline.write(tmp_path / "pipeline.yaml"))
    assert (ended.returncode, "KFP-020" in ended.stderr) == (2, True)
