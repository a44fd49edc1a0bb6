"""Nothing from data, a config, an archive or a model runs as code, leaves its root or steers a screen."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from components.ingest.sources import Source, open_stream
from pipeline.config import ConfigError, parse
from pipeline.config.locations import resolve_prepare
from pipeline.report import page, screenshot, terminal
from pipeline.root import Root
from pipeline.runs.store import RunStore
from tests.pipeline.report import views
from trainer.errors import TandemError
from trainer.export.requests import read_requests

PACKAGES = ("pipeline", "components", "transforms", "trainer")
MODULES = [path for package in PACKAGES for path in sorted(Path(package).rglob("*.py"))]
CONFIG = Path("examples/flights/config.yaml")

# Modules that make objects out of bytes, or run what they are given.
FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
    "yaml.full_load", "pd.read_pickle", "pandas.read_pickle", "keras.models.load_model",
    "keras.saving.load_model", "tf.keras.models.load_model", "keras.config.enable_unsafe_deserialization",
    "keras.layers.Lambda", "tf.py_function", "tf.numpy_function", "extractall", "extract", "unpack_archive",
    "mktemp",
}  # fmt: skip
UNSAFE_KEYWORDS = {("allow_pickle", True), ("shell", True), ("safe_mode", False)}


def _name(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return ".".join([node.id, *parts]) if isinstance(node, ast.Name) else ".".join(["", *parts])


def unsafe(source: str) -> Iterator[str]:
    """What a module uses of the above."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (name for name in names if name.split(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in FORBIDDEN_CALLS or name.rpartition(".")[2] in {"extractall", "unpack_archive"}:
                yield name
            for keyword in node.keywords:
                value = keyword.value
                if isinstance(value, ast.Constant) and (keyword.arg, value.value) in UNSAFE_KEYWORDS:
                    yield f"{name}({keyword.arg}={value.value})"
            if name in {"np.load", "numpy.load"} and "allow_pickle" not in {k.arg for k in node.keywords}:
                yield f"{name} without allow_pickle=False"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load('x')",
        "np.load('x', allow_pickle=True)",
        "yaml.load(text, Loader=Any)",
        "eval('1')",
        "subprocess.run('x', shell=True)",
        "archive.extractall('x')",
        "keras.models.load_model('x', safe_mode=False)",
        "keras.layers.Lambda(f)",
    ],
)
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert list(unsafe(source))


def test_no_module_makes_objects_or_code_out_of_what_it_reads() -> None:
    assert len(MODULES) > 100
    found = {str(path): names for path in MODULES if (names := list(unsafe(path.read_text())))}
    assert found == {}


def test_only_the_prepare_step_loads_a_python_file_by_its_path() -> None:
    loaders = {
        str(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"exec_module", "spec_from_file_location"}
    }
    assert loaders == {"components/ingest/prepare.py"}


class _Payload:
    def __init__(self, witness: Path) -> None:
        self._witness = witness

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._witness),)


def test_recorded_requests_with_a_pickle_inside_are_refused_and_it_never_runs(tmp_path: Path) -> None:
    witness, folder = tmp_path / "ran", tmp_path / "run"
    folder.mkdir()
    values = np.array([_Payload(witness)], object)
    np.savez(folder / "expected.npz", **{"outputs/logits": values, "scale": np.float64(1)})
    (folder / "requests.tfrecord").write_bytes(b"")
    with pytest.raises(TandemError, match=r"EXPORT-\d{3}"):
        read_requests(folder)
    assert not witness.exists()
    with np.load(folder / "expected.npz", allow_pickle=True) as saved:
        assert saved["outputs/logits"].dtype == object
    assert witness.exists(), "the payload works when something loads it"


@pytest.mark.parametrize(
    "name", ["../x", "/x", "..", ".", "a/b", "a\\b", "a\n", "", " a", "a\x00", "a\u2215b", "A", "a" * 64]
)
def test_the_name_of_a_pipeline_is_one_plain_directory_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r"CONFIG-00[34]"):
        parse(CONFIG.read_text().replace("name: flights", f"name: {name!a}", 1), [f"name={name!a}"])


@pytest.mark.parametrize("text", ["../evil.py:f", "a/../../evil.py:f", "link.py:f", "linked/evil.py:f", "{}"])
def test_a_prepare_step_outside_of_the_folder_of_the_config_is_refused(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (tmp_path / "evil.py").write_text("def f(directory): ...\n")
    (folder / "link.py").symlink_to(tmp_path / "evil.py")
    (folder / "linked").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="CONFIG-005"):
        resolve_prepare(text.format(f"{tmp_path}/evil.py:f"), folder)


def test_a_prepare_step_is_imported_by_a_run_and_by_no_command_that_only_looks(tmp_path: Path) -> None:
    witness = tmp_path / "imported"
    (tmp_path / "prepare.py").write_text(
        f"from pathlib import Path\nPath({str(witness)!r}).touch()\ndef prepare(directory): ...\n"
    )
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.read_text())
    run = RunStore(Root(tmp_path / ".tandem")).create(config.read_text(), tmp_path)
    run.event("run_started", name="flights", attempt=1)
    for command in (
        ["config", "show", str(config)],
        ["config", "diff", str(config), str(config)],
        ["run", str(config), "--dry-run"],
        ["runs", "list"],
        ["runs", "show"],
        ["runs", "diff", run.run_id, run.run_id],
        ["report"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", "from pipeline.cli import main; main()", *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        assert not witness.exists(), command


@pytest.mark.parametrize("run_id", ["../../outside", "../outside", "/", ".", "..", "*", "", "20*"])
def test_a_run_id_names_a_run_of_the_root_and_no_path(tmp_path: Path, run_id: str) -> None:
    root = Root(tmp_path / "root")
    for _ in range(2):
        RunStore(root).create("name: x\n", tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "config.yaml").write_text("name: x\n")
    with pytest.raises(TandemError, match="RUN-001"):
        RunStore(root).find(run_id)


def test_a_linked_root_is_the_directory_behind_the_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    assert Root.beside(tmp_path / "config.yaml", tmp_path / "link").path == real.resolve()


@pytest.mark.parametrize("member", ["../../evil.csv", "{}/evil.csv", "a/../../evil.csv", "link"])
def test_a_member_of_an_archive_is_read_as_a_stream_and_written_nowhere(tmp_path: Path, member: str) -> None:
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    file = folder / "rows.csv.zip"
    info = zipfile.ZipInfo(member.format(tmp_path))
    if member == "link":
        # A symbolic link, whose target is its content.
        info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with open_stream(Source(file, file.name, "csv")) as stream:
        assert stream.read() == b"/etc/passwd"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


CODE = "window.hit = (window.hit || 0) + 1; alert(1)"
HOSTILE = (
    f"<script>{CODE}</script>",
    f'"><img src=x onerror="{CODE}">',
    f"'><svg onload='{CODE}'>",
    f"</style></title></textarea><script>{CODE}</script><!--",
    f"javascript:{CODE}",
    "{{ 7 * 19100003 }}{% raw %}",
)


def _poisoned(value: Any, text: str) -> Any:
    """Every text in a view, and every name in it that comes from data, replaced by `text`."""
    if isinstance(value, dict):
        return {
            key: value[key]
            if key in {"status", "state", "task", "kind", "type", "verdict", "severity"}
            else _poisoned(value[key], text)
            for key in value
        } | ({text: 1.0} if "log_loss" in value else {})
    if isinstance(value, list):
        return [_poisoned(item, text) for item in value]
    return text if isinstance(value, str) else value


@pytest.fixture(scope="module")
def tab() -> Iterator[screenshot.Page]:
    with screenshot.browser() as opened:
        yield opened


@pytest.mark.browser
@pytest.mark.skipif(screenshot.chromium() is None, reason="no Chromium on the PATH: apt-get install chromium")
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["pushed", "failed"])
def test_nothing_in_a_report_runs_in_a_browser(
    tab: screenshot.Page, tmp_path: Path, text: str, kind: str
) -> None:
    view = _poisoned(getattr(views, kind)(), text)
    page.write(view, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "133700021" not in html
    tab.problems.clear()
    tab.open(tmp_path / "report.html", 1240, "light")
    found = "[document.scripts.length, document.images.length, typeof window.hit, document.title.length > 0]"
    assert tab.evaluate(found) == [0, 0, "undefined", True]
    assert tab.evaluate("[...document.querySelectorAll('*')].filter(e => e.getAttributeNames().some("
                        "n => n.startsWith('on'))).length") == 0  # fmt: skip
    assert tab.evaluate("[...document.querySelectorAll('a')].filter(e => /^javascript/i.test("
                        "e.getAttribute('href'))).length") == 0  # fmt: skip
    assert text in tab.evaluate("document.body.textContent")


@pytest.mark.parametrize("kind", ["pushed", "failed", "refused"])
def test_the_terminal_shows_codes_and_markup_of_data_as_text(kind: str) -> None:
    text = "\x1b[2J\x1b]0;title\x07[bold red]x[/]\u202e\x9b31m\r"
    output = io.StringIO()
    view = _poisoned(getattr(views, kind)(), text)
    Console(file=output, width=400).print(terminal.summary_lines(view))
    shown = output.getvalue()
    assert not set(shown) & set("\x1b\x07\u202e\x9b\r")
    assert r"\x1b[2J\x1b]0;title\x07[bold red]x[/]\u202e\x9b31m\r" in shown
