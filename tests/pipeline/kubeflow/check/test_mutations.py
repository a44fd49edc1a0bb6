"""Any damage to a good file is refused, with the place named."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kubeflow.check import check, check_documents, load
from tests.pipeline.kubeflow.check.files import VALID, documents
from tests.pipeline.kubeflow.check.mutations import Place, harmless, mutations

KINDS = ("delete", "rename", "duplicate", "unknown", "retype", "misspell", "swap", "fraction")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_single_mutation_is_refused_where_it_is(seed: int) -> None:
    accepted, elsewhere, seen = [], [], set()
    for name, place, damaged in mutations(documents(), random.Random(seed)):
        seen.add(name)
        problems = check_documents(damaged)
        if not problems:
            accepted.append((name, place))
        elif not any(place.named_by(problem) for problem in problems):
            elsewhere.append((name, place, [problem.text() for problem in problems]))
    assert accepted == []
    assert elsewhere == []
    assert seen == set(KINDS)


def test_harmless_mutations_are_few_and_accepted() -> None:
    count = 0
    for name, place, changed in harmless(documents(), random.Random(1)):
        count += 1
        assert check_documents(changed) == [], (name, place)
        if count % 8 == 0:
            load(yaml.safe_dump_all(changed))
    assert 0 < count < 0.1 * sum(1 for _ in mutations(documents(), random.Random(1)))


def test_mutations_do_not_change_what_they_are_given() -> None:
    given_documents = documents()
    for _ in mutations(given_documents, random.Random(1)):
        pass
    assert given_documents == documents()


@functools.cache
def _of_document(number: int) -> list[tuple[Place, Any]]:
    found = mutations(documents(), random.Random(3))
    return [(place, damaged[number - 1]) for _, place, damaged in found if place.document == number]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_to_both_documents_is_told_at_once(data: st.DataObject) -> None:
    places, damaged = zip(
        *(data.draw(st.sampled_from(_of_document(number))) for number in (1, 2)), strict=True
    )
    problems = check_documents(damaged)
    assert all(any(place.named_by(problem) for problem in problems) for place in places)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), VALUES)
def test_any_value_anywhere_is_an_answer_and_no_crash(seed: int, value: Any) -> None:
    rng = random.Random(seed)
    damaged = documents()
    holder: Any = damaged[rng.randrange(2)]
    while True:
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            holder[key] = value
            break
        holder = inner
    for problem in check_documents(damaged):
        assert problem.text().startswith(problem.code)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.text(max_size=5))
def test_any_damage_to_the_text_is_an_answer_and_no_crash(seed: int, inserted: str) -> None:
    rng = random.Random(seed)
    text = VALID.read_text()
    start = rng.randrange(len(text))
    for problem in check(text[:start] + inserted + text[start + rng.randrange(30) :]):
        assert problem.text()
