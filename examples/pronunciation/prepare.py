"""Words and how they are spoken: one row a pronunciation, from the dictionary that `pocketsphinx` ships.

The source is the BSD-licensed package `pocketsphinx` on PyPI, an English dictionary of 134,860
pronunciations of 126,052 words in 39 phones without stress. The file is read where it lies; the package
itself is never imported.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

DICTIONARY = Path("model") / "en-us" / "cmudict-en-us.dict"
COLUMNS = ("word", "phones", "stem", "class")
# The second and further pronunciations of a word stand under `word(2)`, `word(3)`, ...
VARIANT = re.compile(r"\(\d+\)$")


def inputs() -> list[Path]:
    """The dictionary of the `pocketsphinx` package.

    Raises:
        ModuleNotFoundError: if the package is not installed.
    """
    spec = importlib.util.find_spec("pocketsphinx")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "the pronunciation example reads the dictionary of the package pocketsphinx, which is not "
            "installed; install it with `pip install --no-deps pocketsphinx==5.1.1`"
        )
    return [Path(spec.submodule_search_locations[0]) / DICTIONARY]


def prepare(output_dir: Path) -> None:
    """Writes `words.csv` into `output_dir`."""
    with (Path(output_dir) / "words.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for word, phones in entries():
            writer.writerow([word, phones, stem(word), word_class(word)])


def entries() -> Iterator[tuple[str, str]]:
    """Each word with one of its pronunciations, phones with a space between them, as in the file."""
    (path,) = inputs()
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        yield VARIANT.sub("", word), " ".join(phones)


def stem(word: str) -> str:
    """What the split goes by: the word without the ending of a possessive.

    A possessive is spoken as its word with at most one phone more, so both belong on the same side.

    Example:
        >>> [stem(word) for word in ("baker", "baker's", "bakers'", "'s", "can't")]
        ['baker', 'baker', 'bakers', "'s", "can't"]
    """
    if word.endswith("'s") and len(word) > 2:
        return word[:-2]
    return word[:-1] if word.endswith("s'") else word


def word_class(word: str) -> str:
    """What can be told from the spelling alone; the first that holds.

    Example:
        >>> [word_class(word) for word in ("baker", "baker's", "bakers'", "can't", "a.m.", "all-star")]
        ['plain', 'possessive', 'possessive', 'apostrophe', 'full stop', 'hyphen']
    """
    if word != stem(word):
        return "possessive"
    for mark, name in ((".", "full stop"), ("-", "hyphen"), ("'", "apostrophe")):
        if mark in word:
            return name
    return "plain"
