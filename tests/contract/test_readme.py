"""The commands of the README, run as they stand there: by the installed program, in an empty directory."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import kernels

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
TANDEM = ROOT / ".venv" / "bin" / "tandem"
# Shown by tests/integration/test_lifecycle.py, in a process that has TFX loaded already.
SHOWN_ELSEWHERE = ("resume", "schema diff", "schema accept")
# Shown against an API of their own in tests/pipeline/kubeflow and tests/components/serve.
NEEDS_A_CLUSTER = ("deploy", "schedule", "promote")
PART = "data.limit=20000"


@pytest.fixture(scope="session")
def all_rows(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--all-rows"))


def environment() -> dict[str, str]:
    # As a user's shell: not as below a `make` that runs the tests.
    dropped = {"PYTHONDONTWRITEBYTECODE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", kernels.ONEDNN}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "2", "COLUMNS": "160"}


class Walk:
    """A directory with data, in which commands run as a user would type them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def tandem(self, line: str, status: int = 0) -> str:
        """Runs a command that must end with `status`; returns what it said."""
        done = subprocess.run(
            [str(TANDEM), *shlex.split(line)],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, f"tandem {line}: {done.returncode}\n{said}\n{self.logs()}"
        return done.stdout if status == 0 else said

    def logs(self) -> str:
        """The end of the newest log file."""
        files = sorted(self.directory.glob(".tandem/runs/*/logs/*"), key=lambda path: path.stat().st_mtime)
        return files[-1].read_text()[-3000:] if files else ""

    def runs(self) -> list[dict]:
        """All summaries, newest first."""
        return json.loads(self.tandem("runs list --json"))


def write_data(path: Path, rows: int = 2000) -> None:
    """Two features that tell much of the answer, some values missing, and two times."""
    chance = random.Random(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "colour", "joined", "asked", "answer"])
        for row in range(rows):
            number, colour = chance.gauss(0, 1), chance.choice(["red", "green", "blue"])
            likely = 1 / (1 + math.exp(-(1.5 * number + (colour == "red") - 1)))
            day = f"2024-{1 + row * 12 // rows:02d}-{1 + row % 28:02d}"
            shown = "" if chance.random() < 0.05 else f"{number:.4f}"
            joined = f"{chance.randint(1950, 2000)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
            writer.writerow([shown, colour, joined, day, "yes" if chance.random() < likely else "no"])


def write_pairs(path: Path, rows: int = 1200) -> None:
    """Numbers and their digits in words, last one first: what no rule for single characters can write.

    Beside the table they are written as parallel lines.
    """
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    chance = random.Random(5)
    numbers = {"".join(chance.choices("0123456789", k=chance.randint(1, 4))): None for _ in range(3 * rows)}
    spoken = [" ".join(names[int(digit)] for digit in reversed(number)) for number in list(numbers)[:rows]]
    pairs = [(f"#{number}", text) for number, text in zip(numbers, spoken, strict=False)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("number", "spoken"), *pairs])
    for name, column in zip(("number", "spoken"), zip(*pairs, strict=True), strict=True):
        path.with_name(f"train.{name}").write_text("".join(f"{text}\n" for text in column))


def table() -> list[str]:
    """The commands of the table, in its order."""
    return re.findall(r"^\|[^|]+\| `tandem ([^`]+)` \|$", README, re.MULTILINE)


def test_the_first_screen_shows_a_command_a_picture_and_two_commands_for_own_data() -> None:
    blocks = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert blocks[0] == "make demo\n"
    assert blocks[1].splitlines()[1:] == [f".venv/bin/tandem {line}" for line in (table()[0], table()[2])]
    assert (
        README.index("make demo")
        < README.index("docs/images/report-light.png")
        < README.index("| I want to |")
    )
    picture = ROOT / "docs" / "images" / "report-light.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    directory = tmp_path_factory.mktemp("walk")
    write_data(directory / "data.csv")
    write_pairs(directory / "pairs.csv")
    return Walk(directory)


def test_every_command_of_the_readme_works_as_it_stands_there(walk: Walk, all_rows: bool) -> None:
    """One walk through the table: two runs, then all that can be asked about them."""
    said: dict[str, str] = {}
    for line in table():
        if line.startswith(NEEDS_A_CLUSTER) or (not all_rows and line.startswith(SHOWN_ELSEWHERE)):
            continue
        typed = re.sub(r"\bCOL\b", "answer", line, count=1)
        typed = typed.replace("--time COL", "--time asked").replace("--label TEXT", "--label spoken")
        if line.startswith("runs diff"):
            typed = f"runs diff {' '.join(run['run_id'] for run in reversed(walk.runs()))}"
        typed = re.sub(r"\bRUN\b", walk.runs()[0]["run_id"] if "RUN" in line else "", typed)
        said[line] = walk.tandem(typed)
    first = walk.directory / "data.yaml"
    assert "column: answer" in first.read_text()
    assert "by: time" in (walk.directory / "timed.yaml").read_text()
    assert "push" in said["run data.yaml --dry-run"]
    assert "Pushed version 1" in said["run data.yaml"]
    assert "Pushed version 2" in said["run data.yaml --set train.epochs=3"]
    assert {run["status"] for run in walk.runs()} == {"pushed"}
    assert "train.epochs" in said["runs diff RUN RUN"]
    assert said["gate explain"].startswith("Blessed")
    assert Path(said["report"].strip()).is_file()
    assert "version 1 is served" in said["rollback data"]
    with (walk.directory / "scored.csv").open() as file:
        scored = list(csv.DictReader(file))
    hits = [(float(row["probability"]) > 0.5) == (row["answer"] == "yes") for row in scored]
    assert len(scored) == 2000
    assert sum(hits) / len(hits) > 0.7
    assert said.get("schema diff data.yaml", "no difference").strip() == "no difference"
    assert json.loads(said["config schema"])["additionalProperties"] is False
    assert "max_bad_row_fraction" in said["config show data.yaml"]
    assert "data.split.by: hash -> time" in said["config diff data.yaml timed.yaml"]
    assert "✗" not in said["doctor"]
    assert "every check holds" in next(text for line, text in said.items() if line.startswith("compile"))
    of_table, of_lines = ((walk.directory / f"{name}.yaml").read_text() for name in ("pairs", "train"))
    assert "lines: {number: train.number, spoken: train.spoken}" in of_lines
    assert of_lines.partition("features:")[2] == of_table.partition("features:")[2]
    assert "Pushed version 1" in said["run pairs.yaml"]
    assert "exact_match" in said["evaluate pairs.yaml"]
    assert "five" in said["decode pairs.yaml"]
    assert "attention_rnn" in said["experiments list"]
    assert "status  pushed" in said["simulate pipeline.yaml --put data.csv"]


def test_the_example_of_the_serving_page_runs_on_the_pushed_model(walk: Walk) -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=walk.directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    version = walk.directory / ".tandem" / "serving" / "data" / "1"
    assert {"saved_model.pb", "variables", "MANIFEST.json"} <= {path.name for path in version.iterdir()}


def test_exit_statuses_are_those_of_the_readme(walk: Walk) -> None:
    statuses = re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)
    assert statuses == ["0", "3", "2", "1", "4", "130"]
    said = walk.tandem("rollback data", status=1)
    assert "PUSH-007" in said
    said = walk.tandem("run data.yaml --set train.epochs=-1 --dry-run", status=2)
    assert "CONFIG-004" in said
    assert "train.epochs" in said
    assert "No such option" in walk.tandem("run data.yaml --bogus", status=2)
    assert "CLI-001" in walk.tandem("runs list --root nowhere", status=2)
    assert "INIT-020" in walk.tandem("init data.csv --label answer", status=2)


def test_the_places_of_the_readme_exist_after_a_run(walk: Walk) -> None:
    section = README.partition("## Where things are")[2].partition("\n## ")[0]
    places = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(places) == 7
    for place in places:
        pattern = place.replace("RUN", "*").replace("NAME", "data").replace("VERSION", "1")
        assert list(walk.directory.glob(pattern.rstrip("/"))), place
    (run, *_) = sorted((walk.directory / ".tandem" / "runs").iterdir())
    named = re.search(r"^\| `\.tandem/runs/RUN/` \| (.*) \|$", section, re.MULTILINE)
    assert named is not None
    for name in re.findall(r"`([^`]+)`", named[1]):
        assert (run / name).exists(), name


def test_the_demo_ends_with_a_gated_model_and_a_report(all_rows: bool, tmp_path: Path) -> None:
    if all_rows:
        done = subprocess.run(["make", "demo"], cwd=ROOT, env=environment(), check=False)
        assert done.returncode == 0
        return
    recipe = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    command = shlex.split(recipe.stdout.splitlines()[-1])
    assert command[:2] == [".venv/bin/tandem", "run"]
    part = [*command, "--set", PART, "--root", str(tmp_path / "root"), "--json"]
    done = subprocess.run(part, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    # A part of the rows may teach too little for the gate, which is no failure.
    assert done.returncode in (0, 3), done.stderr[-3000:]
    summary = json.loads(done.stdout)
    assert summary["error"] is None
    assert [step["name"] for step in summary["steps"]][-1] == "push"
    assert sum(summary["rows"].values()) <= 20000
    assert summary["metrics"]["candidate"]["log_loss"] < summary["metrics"]["prior"]["log_loss"]
    assert (tmp_path / "root" / "runs" / summary["run_id"] / "report.html").stat().st_size > 20000
