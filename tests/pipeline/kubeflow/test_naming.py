"""Names on the cluster: what every rule there takes, and no two configs under one."""

from __future__ import annotations

import re
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import parse
from pipeline.kubeflow.naming import pipeline_name, service_name
from tests.pipeline.kubeflow.pods import CONFIG

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# Every name that a config may have.
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "pipeline", "service"),
    [
        ("flights", "tandem-flights", "flights"),
        ("two-words", "tandem-two-words", "two-words"),
        # sha256("two_words") begins with 0617.
        ("two_words", "tandem-two-words-0617", "two-words-0617"),
        # Of 63 letters a pipeline keeps all, a service 42 and the digest.
        ("f" * 63, "tandem-" + "f" * 63, "f" * 42 + "-d57d"),
    ],
)
def test_names_by_hand(name: str, pipeline: str, service: str) -> None:
    assert (pipeline_name(name), service_name(name)) == (pipeline, service)


def test_a_name_that_ends_in_a_dash_does_not_on_the_cluster() -> None:
    assert re.fullmatch(r"a-[0-9a-f]{4}", service_name("a-"))
    assert re.fullmatch(r"a-[0-9a-f]{4}", service_name("a_"))
    assert len({service_name(name) for name in ("a", "a-", "a_", "a--")}) == 4


@given(NAMES)
def test_a_name_of_a_config_is_one_of_the_cluster(name: str) -> None:
    assert LABEL.fullmatch(service_name(name))
    assert len(service_name(name)) <= 47
    assert LABEL.fullmatch(pipeline_name(name))
    assert len(pipeline_name(name)) <= 71


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_two_configs_have_two_names(names: list[str]) -> None:
    assert len(set(map(service_name, names))) == 2
    assert len(set(map(pipeline_name, names))) == 2


def test_the_names_that_were_tried_are_those_that_a_config_takes() -> None:
    for name in ("a", "a_b-c9", "f" * 63):
        assert parse(CONFIG, [f"name={name}"]).name == name
    assert typing.get_type_hints(service_name)["name"] is str
