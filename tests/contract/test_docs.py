"""What README and docs name exists: links, files, tests, commands, options, error codes."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("README.md"))]
PAGES.append(ROOT / "kubernetes" / "README.md")
PACKAGES = ("pipeline", "components", "transforms", "trainer")

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"^(tests/[\w/]+\.py)(?:::(\w+))?$")
PLACE = re.compile(
    rf"^(?:{'|'.join((*PACKAGES, 'tests', 'examples', 'benchmarks', 'docs', 'kubernetes'))})/[\w./]*$"
)


def console(page: Path) -> list[str]:
    """The commands of the console blocks of a page, in order."""
    return [
        line.removeprefix("$ ")
        for language, body in FENCE.findall(page.read_text())
        if language in ("console", "bash", "sh")
        for line in body.splitlines()
        if line and not line.startswith("#")
    ]


def spans(page: Path) -> list[str]:
    """Code in the running text of a page."""
    return SPAN.findall(FENCE.sub("", page.read_text()))


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its path."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def named_commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for text in [*console(page), *spans(page)]:
            words = shlex.split(text) if text.startswith((".venv/bin/tandem ", "tandem ")) else []
            if words:
                found.append((page.name, shlex.join(words[1:])))
    return sorted(set(found))


@pytest.mark.parametrize(("page", "line"), named_commands())
def test_a_command_is_real_and_so_are_its_options(page: str, line: str) -> None:
    del page
    words = shlex.split(line)
    path = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in COMMANDS), None)
    assert path is not None, f"no command begins with {words[:2]}"
    arguments = words[len(path) :]
    if arguments:
        COMMANDS[path].make_context(" ".join(path), arguments)


def test_an_unknown_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        COMMANDS[("run",)].make_context("run", ["data.yaml", "--bogus"])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_explains_itself_and_every_option(path: tuple[str, ...]) -> None:
    outcome = CliRunner().invoke(app, [*path, "--help"])
    assert outcome.exit_code == 0
    assert COMMANDS[path].help
    for parameter in COMMANDS[path].params:
        assert parameter.help, f"{' '.join(path)} {parameter.name} has no help"


def test_the_table_of_the_readme_has_every_command() -> None:
    rows = re.findall(r"^\|[^|]+\| `tandem ([^`]+)` \|$", README.read_text(), re.MULTILINE)
    shown = {path for row in rows for path in COMMANDS if tuple(row.split()[: len(path)]) == path}
    assert shown == set(COMMANDS)
    assert any("--dry-run" in row for row in rows)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split())
    assert phony == targets
    named = {
        text.split()[1]
        for page in PAGES
        for text in [*console(page), *spans(page)]
        if text.startswith("make ")
    }
    assert {"demo", "install", "test"} <= named <= targets


def test_programs_of_the_console_blocks_exist() -> None:
    programs = {shlex.split(line)[0] for page in PAGES for line in console(page)}
    assert programs <= {"make", ".venv/bin/tandem", ".venv/bin/python"}
    for page in PAGES:
        for line in console(page):
            if line.startswith(".venv/bin/python "):
                option, module, *_ = shlex.split(line)[1:]
                assert option == "-m"
                assert importlib.util.find_spec(module) is not None, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    # What looks like one within code is a pattern.
    for target in LINK.findall(SPAN.sub("", FENCE.sub("", page.read_text()))):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_and_tests_exist(page: Path) -> None:
    for text in spans(page):
        test = TEST.match(text)
        if test:
            file, function = ROOT / test[1], test[2]
            assert file.is_file(), f"{page.name}: {text}"
            names = {
                node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)
            }
            assert function is None or function in names, f"{page.name}: {text}"
        elif PLACE.match(text) and text != "kubernetes/":
            assert (ROOT / text).exists(), f"{page.name}: {text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_table_waits_to_be_filled_in(page: Path) -> None:
    assert not re.findall(r"@[A-Z_]+@|^```text\n```$", page.read_text(), re.MULTILINE)


def test_every_promise_names_a_test() -> None:
    section = README.read_text().partition("## What is promised")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.MULTILINE)[1:]
    assert len(rows) >= 10
    for promise, shown_by in rows:
        assert TEST.match(shown_by.strip("`")), promise


def raised_codes() -> dict[str, set[str]]:
    """Prefix of each error code in the sources, with the files that hold it."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
                if re.fullmatch(r"[A-Z]+-\d{3}", text):
                    found.setdefault(text[:-4], set()).add(str(file.relative_to(ROOT)))
    return found


def test_the_table_of_error_codes_is_complete() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `([A-Z]+)` \| ([^|]+) \|", text, re.MULTILINE)
    shown = {prefix: re.findall(r"`([^`]+)`", places) for prefix, places in rows}
    codes = raised_codes()
    assert set(shown) == set(codes)
    for prefix, places in shown.items():
        assert all(any(file.startswith(place) for place in places) for file in codes[prefix]), prefix
        assert all(any(file.startswith(place) for file in codes[prefix]) for place in places), prefix


def test_the_graph_is_described_step_by_step() -> None:
    from pipeline.fingerprint import SOURCES

    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## The graph")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(SOURCES)
    assert " -> ".join(SOURCES) in README.read_text()
