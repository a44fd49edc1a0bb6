"""Files of parallel lines give a config of a sequence task, or a clear refusal."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from components.ingest.inputs import select
from components.ingest.line_reader import read_lines
from pipeline.cli.data import init
from pipeline.config import load
from pipeline.init import Inference, infer, infer_lines, named_files, to_yaml
from tests.pipeline.init.test_texts import SENTENCES, SYMBOLS, WORDS, write
from trainer.errors import TandemError


def put(path: Path, texts: list[Any]) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{text}\n" for text in texts))
    return str(path)


def pairs(folder: Path) -> dict[str, str]:
    return {"word": put(folder / "train.src", WORDS), "phones": put(folder / "train.tgt", SYMBOLS)}


def refused(*arguments: Any, **named: Any) -> TandemError:
    with pytest.raises(TandemError) as caught:
        infer_lines(*arguments, **named)
    assert caught.value.exit_status == 2
    return caught.value


def but_for_data(found: Inference) -> dict[str, Any]:
    return found.config.model_dump(exclude={"data": {"path", "lines"}, "name": True})


def test_two_files_are_the_task_that_the_same_columns_of_a_table_are(tmp_path: Path) -> None:
    lines = pairs(tmp_path)
    found = infer_lines(lines, "phones")
    table = infer(write(tmp_path / "words.csv", word=WORDS, phones=SYMBOLS), "phones")
    assert but_for_data(found) == but_for_data(table)
    assert (found.config.data.lines, found.config.data.path) == (lines, None)
    assert (found.config.name, found.rows, found.comments) == ("train", 400, table.comments)


def test_the_written_config_names_the_files_from_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs(tmp_path / "corpus")
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    given = ["word=corpus/train.src", "phones=corpus/train.tgt"]
    init("phones", lines=given, output=Path("configs/new.yaml"))
    config = load(tmp_path / "configs" / "new.yaml")
    assert config.data.lines == {"word": "../corpus/train.src", "phones": "../corpus/train.tgt"}
    (source,) = select(config.data.model_dump(mode="json"), tmp_path / "configs").sources
    rows = [batch.columns for batch in read_lines(source, ["word", "phones"], every_column=False)]
    assert [value.decode() for value in rows[0]["word"].to_pylist()] == WORDS
    init("phones", lines=given)
    assert load(tmp_path / "train.yaml").data.lines == {
        "word": "corpus/train.src",
        "phones": "corpus/train.tgt",
    }


def test_the_kth_files_of_globs_and_directories_belong_together(tmp_path: Path) -> None:
    for part, rows in (("1", slice(0, 250)), ("2", slice(250, None))):
        put(tmp_path / f"train.{part}.de", WORDS[rows])
        put(tmp_path / "phones" / part, SYMBOLS[rows])
    lines = {"de": str(tmp_path / "train.*.de"), "phones": str(tmp_path / "phones")}
    found = infer_lines(lines, "phones")
    assert (found.rows, found.config.data.lines) == (400, lines)
    put(tmp_path / "train.3.de", WORDS)
    error = refused(lines, "phones")
    assert (error.code, "de 3, phones 2" in error.message) == ("INIT-013", True)


def test_one_file_is_a_language_model(tmp_path: Path) -> None:
    found = infer_lines({"text": put(tmp_path / "prose.txt", SENTENCES)}, "text")
    assert (found.config.task, found.config.features) == ("language_model", {})
    assert "lines: {text: prose.txt}" in to_yaml(found, tmp_path)
    error = refused({"text": str(tmp_path / "prose.txt")}, "text", task="seq2seq")
    assert error.code == "INIT-011"


def test_numbers_and_few_different_texts_are_a_source_too(tmp_path: Path) -> None:
    lines = {"n": put(tmp_path / "a", [1, 2, 3, 4] * 100), "t": put(tmp_path / "b", ["un", "deux"] * 200)}
    config = infer_lines(lines, "t").config
    assert (config.task, list(config.features)) == ("seq2seq", ["n"])


def test_a_third_file_is_kept_for_slices_or_must_be_chosen_from(tmp_path: Path) -> None:
    lines = pairs(tmp_path)
    lengths = put(tmp_path / "kind", ["long" if len(word) > 5 else "short" for word in WORDS])
    config = infer_lines({**lines, "kind": lengths}, "phones").config
    assert (list(config.features), config.data.keep) == (["word"], ["kind"])
    assert config.data.lines == {**lines, "kind": lengths}
    texts = {**lines, "other": put(tmp_path / "other", WORDS[::-1])}
    error = refused(texts, "phones")
    assert (error.code, "--source" in error.hint) == ("INIT-011", True)
    found = infer_lines(texts, "phones", source_column="other")
    assert (list(found.config.features), "word" in found.left_out) == (["other"], True)
    assert found.config.data.lines == {name: texts[name] for name in ("phones", "other")}
    assert refused(texts, "phones", source_column="wort").code == "INIT-011"


def test_line_ends_marks_and_compression_do_not_matter(tmp_path: Path) -> None:
    plain = infer_lines(pairs(tmp_path), "phones")
    (tmp_path / "train.src").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(WORDS).encode())
    (tmp_path / "train.tgt").write_bytes(gzip.compress("".join(f"{text}\n" for text in SYMBOLS).encode()))
    lines = {"word": str(tmp_path / "train.src"), "phones": str(tmp_path / "train.tgt")}
    assert infer_lines(lines, "phones").comments == plain.comments


def test_empty_lines_are_missing_texts(tmp_path: Path) -> None:
    lines = {"word": put(tmp_path / "a", ["", *WORDS[1:]]), "phones": put(tmp_path / "b", SYMBOLS)}
    assert "1 rows lack a text" in infer_lines(lines, "phones").warnings[0]
    put(tmp_path / "a", [""] * 400)
    error = refused(lines, "phones")
    assert (error.code, "in 'phones' and in 'word'" in error.message) == ("INIT-002", True)


def test_a_label_that_never_changes_is_refused(tmp_path: Path) -> None:
    lines = {"word": put(tmp_path / "a", WORDS), "phones": put(tmp_path / "b", ["same"] * 400)}
    error = refused(lines, "phones")
    assert (error.code, "always 'same'" in error.message) == ("INIT-006", True)


def test_one_file_for_both_columns_is_a_warning(tmp_path: Path) -> None:
    place = put(tmp_path / "train.de", SENTENCES)
    found = infer_lines({"de": place, "en": f"{tmp_path}/../{tmp_path.name}/train.de"}, "en")
    assert "'de' and 'en' are read from one file" in found.warnings[-1]
    assert infer_lines(pairs(tmp_path), "phones").warnings == ()


def test_bytes_that_are_not_utf8_are_told_with_file_and_line(tmp_path: Path) -> None:
    lines = pairs(tmp_path)
    text = "\n".join(SYMBOLS).encode().split(b"\n")
    text[316] = b"caf\xe9"
    (tmp_path / "train.tgt").write_bytes(b"\n".join(text))
    error = refused(lines, "phones")
    assert (error.code, "train.tgt, line 317" in error.message) == ("INIT-003", True)


def test_a_damaged_file_and_a_line_without_an_end_are_told(tmp_path: Path) -> None:
    lines = pairs(tmp_path)
    whole = gzip.compress(Path(lines["word"]).read_bytes())
    Path(lines["word"]).write_bytes(whole[: len(whole) // 2])
    assert refused(lines, "phones").code == "INIT-008"
    Path(lines["word"]).write_text("x" * 3_000_000)
    assert refused(lines, "phones").code == "INIT-008"


def test_a_name_ends_at_the_first_sign_and_a_path_may_hold_more() -> None:
    assert named_files(["de=day=1/train.de", "en=train.en"]) == {"de": "day=1/train.de", "en": "train.en"}
