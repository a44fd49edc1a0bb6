"""YAML that readers would take differently, or that hides something, is refused."""

from __future__ import annotations

import pytest
import yaml

from pipeline.kubeflow.check import check
from pipeline.kubeflow.check.document import read
from tests.pipeline.kubeflow.check.files import VALID, documents

CODE = "KFP-022"


def _values(text: str) -> list[tuple[str, int | None]]:
    return [(problem.place, problem.line) for problem in read(text).problems]


def test_a_key_given_twice_is_refused_in_both_documents() -> None:
    first, second = VALID.read_text().split("---\n")
    text = first.replace("pipelineInfo:\n", "pipelineInfo:\n  name: other\n") + "---\n"
    text += second.replace("platforms:\n", "platforms:\n  kubernetes: {}\n")
    problems = [problem for problem in check(text) if problem.code == CODE]
    assert [problem.place for problem in problems] == [
        "pipelineInfo.name",
        "document 2: platforms.kubernetes",
    ]
    assert all(problem.line is not None and "given twice" in problem.text() for problem in problems)


def test_anchors_aliases_and_merges_are_refused() -> None:
    assert len(_values("a: &x 1\nb: *x\n")) == 2
    assert _values("a: {<<: {b: 1}}\n") == [("a.<<", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "2013-10-01",
        "1e-6",
        "1e3",
        "0o17",
        "017",
        "12:30:00",
        "1_000",
        "0x1F",
        "0b11",
        "~",
        ".inf",
        "+1e5",
    ],
)
def test_a_plain_value_that_readers_take_differently_is_refused(text: str) -> None:
    places = [place for place, _ in _values(f"a:\n  b: {text}\n")]
    quoted = [place for place, _ in _values(f"a:\n  b: '{text}'\n")]
    agreed = text in ("0x1F", "~", ".inf")
    assert places == ([] if agreed else ["a.b"])
    assert quoted == []


@pytest.mark.parametrize(
    "text", ["2.1.0", "6.0", "6", "-5", "0.1", "true", "gs://b/x", "'{{$}}'", "1.0.0-rc", "e5"]
)
def test_a_plain_value_that_all_read_alike_is_taken(text: str) -> None:
    assert _values(f"a: {text}\n") == []


def test_a_key_that_readers_take_differently_is_refused() -> None:
    assert _values("on: x\n") == [("on", 1)]
    assert _values("1: x\n") == [("1", 1)]
    assert _values("'on': x\n") == []


def test_a_text_that_is_no_yaml_is_one_problem() -> None:
    for text in ("a: [", "a:\n\tb: 1\n", "a: !!python/name:os.system x\n", "[" * 500):
        problems = check(text)
        assert [problem.code for problem in problems] == [CODE]


def test_there_are_two_documents_in_their_order() -> None:
    pipeline, platform = documents()
    for wrong in ([pipeline], [pipeline, platform, platform], []):
        problems = check(yaml.safe_dump_all(wrong))
        assert [problem.code for problem in problems if "two documents" in problem.text()] == [CODE]
    swapped = {problem.document for problem in check(yaml.safe_dump_all([platform, pipeline]))}
    assert swapped == {1, 2}
