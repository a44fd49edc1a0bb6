"""The pronunciation example: the rows, what the split goes by, and the words alone."""

import csv
import doctest
import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "examples" / "pronunciation"


def loaded(path):
    spec = importlib.util.spec_from_file_location(f"pronunciation_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def module():
    return loaded(FOLDER / "prepare.py")


@pytest.fixture(scope="module")
def rows(module, tmp_path_factory):
    output = tmp_path_factory.mktemp("words")
    module.prepare(output)
    (file,) = output.iterdir()
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_the_published_counts(rows):
    spoken = Counter(row["word"] for row in rows)
    assert (len(rows), len(spoken)) == (134_860, 126_052)
    assert sum(count > 1 for count in spoken.values()) == 8_175
    assert sum(word.endswith("'s") for word in spoken) == 6_386
    assert len({phone for row in rows for phone in row["phones"].split()}) == 39
    assert max(len(row["phones"].split()) for row in rows) == 28


def test_every_field_is_filled_and_variants_lose_their_number(rows):
    assert all(row[column] for row in rows for column in ("word", "phones", "stem", "class"))
    assert not any(mark in row["word"] for row in rows for mark in "()")
    found = [row["phones"] for row in rows if row["word"] == "tomato"]
    assert found == ["T AH M EY T OW", "T AH M AA T OW"]
    assert {row["word"] for row in rows} >= {"nan", "null", "none"}


def test_a_possessive_and_its_word_share_the_stem(rows):
    stems = {row["word"]: row["stem"] for row in rows}
    assert stems["baker"] == stems["baker's"] == "baker"
    possessives = [word for word in stems if word.endswith("'s") and word != "'s"]
    assert all(stems[word] == stems.get(word[:-2], word[:-2]) for word in possessives)
    assert all(stems[word] == word[:-1] for word in stems if word.endswith("s'"))
    assert stems["can't"] == "can't"


def test_classes_tell_the_spelling(rows):
    words = {row["word"]: row["class"] for row in rows}
    counts = Counter(words.values())
    assert set(counts) == {"plain", "possessive", "apostrophe", "hyphen", "full stop"}
    assert counts["possessive"] == 6_386 + 761 - 1  # the ending alone, 's, is a row too
    assert words["a.m."] == "full stop"
    assert words["able-bodied"] == "hyphen"
    assert words["'tis"] == "apostrophe"
    assert all(word.isalpha() for word, kind in words.items() if kind == "plain")


def test_the_package_is_read_and_not_imported(module, rows):
    assert rows
    assert "pocketsphinx" not in sys.modules
    (file,) = module.inputs()
    assert file.name == "cmudict-en-us.dict"


def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).attempted >= 2
    assert doctest.testmod(module).failed == 0


# The words divided one by one


@pytest.fixture(scope="module")
def variant():
    return loaded(FOLDER / "variants" / "rows.py")


def test_parts_have_the_published_sizes_and_share_no_word(variant):
    parts = variant.parts()
    assert {part: len(words) for part, words in parts.items()} == {
        "train": 112_433,
        "validation": 6_246,
        "eval": 6_247,
    }
    assert len(set().union(*parts.values())) == 124_926
    assert all(variant.SPELLED.fullmatch(word) for words in parts.values() for word in words)


def test_rows_of_a_part_have_its_year_and_every_pronunciation(variant, tmp_path):
    variant.by_word(tmp_path)
    with (tmp_path / "words.csv").open(newline="", encoding="utf-8") as text:
        written = list(csv.DictReader(text))
    parts = variant.parts()
    for part, words in parts.items():
        found = {}
        for row in written:
            if row["part"] == variant.YEARS[part]:
                found.setdefault(row["word"], []).append(row["phones"])
        assert found == words


def test_the_files_of_the_variant_are_named(variant):
    assert [file.name for file in variant.inputs()] == ["cmudict-en-us.dict", "prepare.py"]
    assert all(file.is_file() for file in variant.inputs())
