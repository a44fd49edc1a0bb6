"""A label that is a text gives a config of a sequence task, or a clear refusal."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config, parse
from pipeline.init import Inference, infer, to_yaml
from pipeline.init.texts import describe
from trainer.errors import TandemError

CHOOSE = random.Random(5)
WORDS = ["".join(CHOOSE.choice("abcdefgh") for _ in range(CHOOSE.randint(3, 9))) for _ in range(400)]
SYMBOLS = [" ".join(letter.upper() + "1" for letter in word) for word in WORDS]
SENTENCES = [" ".join(CHOOSE.choice(WORDS[:50]) for _ in range(6)) + "." for _ in range(400)]


def write(path: Path, **columns: list[Any]) -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def reloaded(found: Inference, folder: Path) -> Config:
    config = parse(to_yaml(found, folder))
    assert config.model_dump(exclude={"data": {"path"}}) == found.config.model_dump(
        exclude={"data": {"path"}}
    )
    return config


def refused(*arguments: Any, **named: Any) -> TandemError:
    with pytest.raises(TandemError) as caught:
        infer(*arguments, **named)
    return caught.value


def test_words_and_their_symbols_are_pairs(tmp_path: Path) -> None:
    kind = ["long" if len(word) > 5 else "short" for word in WORDS]
    data = write(tmp_path / "words.csv", word=WORDS, kind=kind, phones=SYMBOLS)
    found = infer(data, "phones")
    config = reloaded(found, tmp_path)
    assert (config.task, config.label.units) == ("seq2seq", "tokens")
    assert config.features["word"].units == "characters"  # type: ignore[union-attr]
    assert config.data.split.key == ["word"]
    assert config.data.keep == ["kind"]
    assert config.evaluate.slices == [["source_length"], ["kind"]]
    assert config.label.max_length >= max(len(row.split()) for row in SYMBOLS)
    assert "8 different tokens" in found.comments["phones"]
    assert "# 8 different characters" in to_yaml(found, tmp_path)


def test_a_time_beside_a_text_is_refused(tmp_path: Path) -> None:
    days = [f"2024-01-{1 + number % 28:02}" for number in range(len(WORDS))]
    data = write(tmp_path / "words.csv", word=WORDS, day=days, phones=SYMBOLS)
    assert refused(data, "phones", "nowhere").code == "INIT-007"
    error = refused(data, "phones", "day")
    assert (error.code, error.exit_status) == ("INIT-012", 2)
    assert "--time day" in str(error)


def test_sentences_are_words_or_subwords(tmp_path: Path) -> None:
    other = [text.upper() for text in SENTENCES]
    config = infer(write(tmp_path / "a.csv", de=SENTENCES, en=other), "en").config
    assert config.label.units == "words"
    assert (config.label.min_count, config.gate.rules[0].metric) == (2, "wer")
    rich = [f"{word}{number} is {number}{word}" for number, word in enumerate(WORDS * 5)]
    assert describe("x", rich).units == "subwords"


def test_a_column_of_texts_alone_is_a_language_model(tmp_path: Path) -> None:
    found = infer(write(tmp_path / "prose.csv", text=SENTENCES), "text")
    config = reloaded(found, tmp_path)
    assert (config.task, config.features, config.gate.rules[0].metric) == (
        "language_model",
        {},
        "bits_per_unit",
    )
    assert config.data.split.key == ["text"]


def test_parquet_and_missing_texts_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [*WORDS[:-1], None], "b": SYMBOLS}), tmp_path / "rows.parquet")
    found = infer(tmp_path / "rows.parquet", "b")
    assert found.config.features.keys() == {"a"}
    assert "1 rows lack a text" in found.warnings[0]


def test_two_texts_beside_the_label_are_refused_until_one_is_named(tmp_path: Path) -> None:
    data = write(tmp_path / "words.csv", word=WORDS, other=WORDS[::-1], phones=SYMBOLS)
    error = refused(data, "phones")
    assert (error.code, error.exit_status) == ("INIT-011", 2)
    assert "'word', 'other'" in error.message
    assert "--source" in error.hint
    found = infer(data, "phones", source_column="other")
    assert found.config.features.keys() == {"other"}
    assert "word" in found.left_out
    assert infer(data, "phones", task="language_model").config.task == "language_model"


def test_many_texts_without_a_source_are_no_classes_as_before(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.csv", x=[number % 7 for number in range(400)], y=SYMBOLS)
    assert refused(data, "y").code == "INIT-010"
    assert refused(data, "y", task="seq2seq").code == "INIT-011"


def test_the_only_other_column_is_the_source_even_if_it_holds_numbers(tmp_path: Path) -> None:
    numbers = CHOOSE.sample(range(100_000), len(SENTENCES))
    found = infer(write(tmp_path / "rows.csv", written=numbers, spoken=SENTENCES), "spoken")
    assert reloaded(found, tmp_path).features["written"].kind == "text"
    assert found.config.task == "seq2seq"


def test_a_label_of_texts_that_is_refused_says_how_to_name_its_source(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.csv", x=[number % 7 for number in range(400)], y=SYMBOLS)
    assert "--source" in refused(data, "y").hint
    assert infer(data, "y", source_column="x").config.task == "seq2seq"


def test_files_of_lines_are_refused_with_the_way_to_read_them(tmp_path: Path) -> None:
    for name in ("train.0.de", "train.1.de"):
        (tmp_path / name).write_text("\n".join(WORDS))
    error = refused(tmp_path / "train.*.de", "de")
    assert error.code == "INIT-001"
    assert "--lines COL=FILE" in error.hint


def test_texts_among_many_other_columns_are_not_guessed(tmp_path: Path) -> None:
    numbers = {f"n{place}": [CHOOSE.random() for _ in WORDS] for place in range(5)}
    data = write(tmp_path / "rows.csv", word=WORDS, **numbers, y=SYMBOLS)
    assert refused(data, "y").code == "INIT-010"
    assert infer(data, "y", task="seq2seq").config.features.keys() == {"word"}


@pytest.mark.parametrize(
    ("named", "code"),
    [({"task": "binary"}, "INIT-011"), ({"source_column": "wort"}, "INIT-011")],
)
def test_wrong_options_are_told(tmp_path: Path, named: dict[str, str], code: str) -> None:
    data = write(tmp_path / "words.csv", word=WORDS, phones=SYMBOLS)
    error = refused(data, "phones", **named)
    assert error.code == code
    assert next(iter(named.values())) in error.message


def test_few_classes_stay_classes(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.csv", word=WORDS, y=["one", "two"] * 200)
    assert refused(data, "y").code == "INIT-009"
