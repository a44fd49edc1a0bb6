"""The rows of the main example, of words of letters and apostrophes alone, divided word by word.

The division is one that other systems were measured on: the words in the order of the alphabet, shuffled with
the seed 7, nine tenths for training, a twentieth for validation and a twentieth for the gate. A possessive
and its word may be on different sides.
"""

from __future__ import annotations

import csv
import importlib.util
import random
import re
from pathlib import Path
from types import ModuleType

MAIN = Path(__file__).resolve().parents[1] / "prepare.py"
SPELLED = re.compile(r"[a-z']+")
SEED = 7
# A split by time wants times: a year stands for each part.
YEARS = {"train": "2001-01-01", "validation": "2002-01-01", "eval": "2003-01-01"}


def _main() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pronunciation_prepare", MAIN)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"expected the prepare step of the main example. Received: {MAIN}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs() -> list[Path]:
    """The file of the main example, and its prepare step."""
    return [*_main().inputs(), MAIN]


def parts() -> dict[str, dict[str, list[str]]]:
    """Pronunciations of each word by part, `train`, `validation` and `eval`, in the order of the shuffle."""
    spoken: dict[str, list[str]] = {}
    for word, phones in _main().entries():
        if SPELLED.fullmatch(word):
            spoken.setdefault(word, []).append(phones)
    words = sorted(spoken)
    random.Random(SEED).shuffle(words)
    first, second = (len(words) * tenths // 20 for tenths in (18, 19))
    divided = {"train": words[:first], "validation": words[first:second], "eval": words[second:]}
    return {part: {word: spoken[word] for word in chosen} for part, chosen in divided.items()}


def by_word(output_dir: Path) -> None:
    """Writes `words.csv` into `output_dir`: the columns of the main example, and `part` as a time."""
    main = _main()
    with (Path(output_dir) / "words.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*main.COLUMNS, "part"])
        for part, words in parts().items():
            for word, spoken in words.items():
                kind = main.word_class(word)
                writer.writerows([word, phones, main.stem(word), kind, YEARS[part]] for phones in spoken)
