"""Mistakes of a user: each is told at once, with what to do, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import dump, load
from pipeline.root import Root
from pipeline.runs.store import RunStore

HEAVY = ("tfx", "tensorflow", "keras", "apache_beam")
CHILD = f"""
import json, sys
from pipeline.cli import main
sys.argv[0] = "tandem"
try:
    main()
    status = 0
except SystemExit as error:
    status = error.code or 0
loaded = sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r}))
sys.stderr.write("\\n" + json.dumps([status, loaded]))
"""
CONFIG = """
name: data
task: binary
label: {column: late, classes: ['0', '1']}
data: {path: data.csv}
features: {size: {kind: numeric}, colour: {kind: categorical}}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project: data, good and bad configs, a root with two runs that pushed nothing, an empty root."""
    directory = tmp_path_factory.mktemp("place")
    rows = "\n".join(f"{i / 7:.2f},{'red' if i % 3 else 'blue'},{i % 2}" for i in range(200))
    (directory / "data.csv").write_text(f"size,colour,late\n{rows}\n")
    (directory / "data.yaml").write_text(CONFIG)
    (directory / "broken.yaml").write_text("name: data\n  task: [binary\n")
    (directory / "typo.yaml").write_text(CONFIG + "train: {batchsize: 64}\n")
    (directory / "gone.yaml").write_text(CONFIG.replace("data.csv", "gone.csv"))
    (directory / "lacks.csv").write_text("size,color,late\n1,red,0\n")
    pq.write_table(pa.table({"size": [1.0], "color": ["red"], "late": [0]}), directory / "lacks.parquet")
    (directory / "lacks.yaml").write_text(CONFIG.replace("data.csv", "lacks.csv"))
    (directory / "parquet.yaml").write_text(CONFIG.replace("data.csv", "lacks.parquet"))
    (directory / "header.csv").write_text("size,colour,late\n")
    (directory / "latin.csv").write_bytes(b"size,late\n" + b"1.5,0\n" * 200_000 + b"caf\xe9,1\n")
    (directory / "a.txt").write_text("one\ntwo\nthree\n")
    (directory / "b.txt").write_text("un\ndeux\n")
    (directory / "void.txt").write_text("")
    (directory / "latin.txt").write_bytes(b"a\ncaf\xe9\nb\n")
    (directory / "empty").mkdir()
    (directory / "no_model").mkdir()
    store = RunStore(Root(directory / ".tandem"))
    for _ in range(2):
        run = store.create(dump(load(directory / "data.yaml")), directory)
        run.write_summary({"run_id": run.run_id, "name": "data", "status": "failed", "steps": []})
    return directory


def tree(directory: Path) -> dict[str, int]:
    return {str(path.relative_to(directory)): path.stat().st_mtime_ns for path in directory.rglob("*")}


def tandem(place: Path, *arguments: str) -> tuple[int, list[str], str, str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=False, cwd=place
    )
    *told, last = done.stderr.splitlines()
    status, loaded = json.loads(last)
    return status, loaded, done.stdout, "\n".join(told)


@pytest.mark.parametrize(
    ("command", "code", "cause", "following"),
    [
        ("run none.yaml", "CONFIG-001", "none.yaml", "tandem init"),
        ("run broken.yaml", "CONFIG-002", "line 2", "indentation"),
        ("run typo.yaml", "CONFIG-004", "train.batchsize", "train.batch_size"),
        ("run data.yaml --set train.epoch=3", "CONFIG-004", "--set train.epoch=3", "train.epochs"),
        ("run data.yaml --set train.epochs=x", "CONFIG-004", "number > 0", "docs/config.md"),
        ("run data.yaml --set train.epochs", "CONFIG-003", "key=value", "--set train.epochs=3"),
        ("run gone.yaml", "INGEST-002", "gone.csv", "data.path"),
        ("run gone.yaml --dry-run", "INGEST-002", "gone.csv", "data.path"),
        ("run lacks.yaml --dry-run", "INGEST-008", "`colour`", "nearest: `color`"),
        ("run lacks.yaml", "INGEST-008", "`colour`", "nearest: `color`"),
        ("run parquet.yaml --dry-run", "INGEST-008", "`colour`", "nearest: `color`"),
        ("run data.yaml --set model.deep.hidden=[0]", "CONFIG-004", "--set model.deep.hidden=[0]", ">= 1"),
        ("run data.yaml --root /proc/nowhere", "CLI-002", "/proc/nowhere", "path"),
        ("resume 1999", "RUN-001", "1999", "tandem runs list"),
        ("runs show 1999", "RUN-001", "1999", "tandem runs list"),
        ("runs show 2", "RUN-001", "2 runs match", "tandem runs list"),
        ("runs show --root none", "CLI-001", "none", "--root DIR"),
        ("report 1999", "RUN-001", "1999", "tandem runs list"),
        ("report --root empty", "RUN-001", "empty/runs", "tandem run CONFIG"),
        ("gate explain", "GATE-020", "failed", "tandem runs show"),
        ("rollback --root empty", "PUSH-020", "none", "tandem run CONFIG"),
        ("rollback data", "PUSH-020", "none", "tandem run CONFIG"),
        ("predict no_model data.csv", "PREDICT-001", "no_model", ".tandem/serving/NAME"),
        ("init none.csv --label late", "INIT-001", "none.csv", ".csv"),
        ("init header.csv --label late", "INIT-002", "only a header", ""),
        ("init latin.csv --label late", "INIT-003", "UTF-8", "iconv"),
        ("init data.csv --label lat -o fresh.yaml", "INIT-005", "label='lat'", "Did you mean `late`"),
        ("init data.csv --label late", "INIT-020", "data.yaml", "--force"),
        ("init data.csv --label late -o empty", "INIT-020", "directory", "-o empty/data.yaml"),
        ("init data.csv", "--label", "Missing", "tandem init -h"),
        ("init --label late", "INIT-012", "neither", "--lines COL=FILE"),
        ("init y=b.txt --lines x=a.txt --label y", "INIT-012", "not both", "--lines stands before each file"),
        ("init --lines a.txt --label x", "INIT-012", "'a.txt'", "--lines de=train.de"),
        ("init --lines x= --label x", "INIT-012", "'x='", "--lines de=train.de"),
        ("init --lines x=a.txt --label x --time t", "INIT-012", "--time t", "Leave it out"),
        ("init --lines x=a.txt --lines x=b.txt --label x", "INIT-004", "x=a.txt and x=b.txt", "glob"),
        ("init --lines =a.txt --label x", "INIT-004", "a name for every column", "--lines text=a.txt"),
        ("init --lines x=a.txt --lines y=b.txt --label z", "INIT-005", "columns=x, y", "--lines z=FILE"),
        ("init --lines x=a.txt --lines y=none.txt --label y", "INIT-001", "none.txt", "glob in quotes"),
        ("init --lines x=a.txt --lines y=b.txt --label y", "INIT-013", "a.txt (x) 3, b.txt (y) 2", "empty"),
        ("init --lines x=a.txt --lines y=void.txt --label y", "INIT-002", "void.txt", ""),
        ("init --lines x=a.txt --lines y=latin.txt --label y", "INIT-003", "latin.txt, line 2", "iconv"),
        ("churn data.yaml --retrains 1", "CHURN-001", "retrains=1", "--retrains 3"),
        ("noise data.yaml --flip 0.9", "NOISE-003", "0.9", "--flip 0,0.1,0.2,0.4"),
        ("noise data.yaml --flip a", "NOISE-003", "--flip a", "--flip 0,0.1,0.2,0.4"),
        ("noise data.yaml --seeds 0", "NOISE-003", "Received: 0", "--seeds 3"),
        ("rum data.yaml", "rum", "No such command", "tandem -h"),
    ],
)
def test_a_mistake_is_told_at_once_with_what_to_do_and_leaves_nothing(
    place: Path, command: str, code: str, cause: str, following: str
) -> None:
    before = tree(place)
    status, loaded, output, told = tandem(place, *command.split())
    assert status == 2
    assert output == ""
    for text in (code, cause, following):
        assert text in told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 6
    assert loaded == []
    assert tree(place) == before


def test_an_existing_file_is_replaced_when_asked_for(place: Path) -> None:
    status, _, output, told = tandem(place, "init", "data.csv", "--label", "late", "-o", "new.yaml")
    assert (status, told.strip()) == (0, "")
    assert "tandem run new.yaml" in output
    assert tandem(place, *["init", "data.csv", "--label", "late", "-o", "new.yaml", "--force"])[0] == 0


def test_equal_configs_are_said_to_be_equal(place: Path) -> None:
    assert tandem(place, "config", "diff", "data.yaml", "data.yaml")[2] == "no difference\n"


def test_runs_that_are_damaged_or_killed_do_not_hide_the_others(tmp_path: Path) -> None:
    store = RunStore(Root(tmp_path))
    (pushed, killed, damaged) = (store.create("name: data\n", tmp_path) for _ in range(3))
    pushed.write_summary({"run_id": pushed.run_id, "name": "data", "status": "pushed", "steps": []})
    killed.event("run_started", name="data", attempt=1)
    (damaged.directory / "summary.json").write_text("{")
    status, _, output, told = tandem(tmp_path, "runs", "list", "--root", ".")
    assert (status, told.strip()) == (0, "")
    found = {line.split()[0]: line for line in output.splitlines()[1:]}
    assert set(found) == {pushed.run_id, killed.run_id, damaged.run_id}
    for run, word in ((pushed, "pushed"), (killed, "interrupted"), (damaged, "damaged")):
        assert word in found[run.run_id]
    assert tandem(tmp_path / "runs", "runs", "list", "--root", ".")[2].startswith("no runs in ")
