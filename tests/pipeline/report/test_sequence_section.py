"""The page of a run on sequences: tables, samples with their errors marked, and attention."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from pipeline.report import page, sequence_section
from pipeline.report.heat_map import heat_map
from pipeline.report.terminal import summary_lines
from tests.pipeline.report.test_page import HOSTILE, poisoned, section

Make = Callable[[str], dict[str, Any]]


def test_sequences_stand_in_the_place_of_calibration(make_view: Make) -> None:
    html = page.render(make_view("words"))
    assert 'id="sequences"' in html
    assert 'href="#sequences"' in html
    assert 'id="calibration"' not in html
    assert 'href="#calibration"' not in html
    tabular = page.render(make_view("pushed"))
    assert 'id="sequences"' not in tabular
    assert 'href="#sequences"' not in tabular


def test_metrics_of_sequences_are_ordered_and_know_their_better_side(make_view: Make) -> None:
    html = section(page.render(make_view("words")), "metrics")
    names = re.findall(r'<th scope="row"><span class="code">(\w+)</span>', html)
    assert names[:4] == ["wer", "per", "exact_match", "bleu"]
    assert set(names) == {*names[:4], "chrf", "length_ratio", "example_count"}
    assert "the most frequent unit for each unit of the source (prior)" in html
    wer = html[html.index(">wer<") : html.index(">per<")]
    assert "lower is better" in wer
    assert "better" in wer[wer.index("Baseline") if "Baseline" in wer else 0 :]
    assert "best at 1" in html[html.index(">length_ratio<") :]
    assert "0.2910 to 0.3090" in wer


@pytest.mark.parametrize(
    ("kind", "examples"), [("words", "sources"), ("characters", "texts"), ("pushed", "rows")]
)
def test_metrics_are_over_examples_of_the_task(make_view: Make, kind: str, examples: str) -> None:
    html = section(page.render(make_view(kind)), "metrics")
    assert f"Metrics over all {examples} of the eval split" in html
    heads = set(re.findall(r'<th scope="col" class="num">(Rows|Sources|Texts)</th>', html))
    assert heads <= {examples.capitalize()}
    assert heads or kind != "pushed"
    assert ("without label" in page.render(make_view(kind))) == (kind == "pushed")


def test_a_language_model_shows_perplexity_and_texts(make_view: Make) -> None:
    html = page.render(make_view("characters"))
    assert "units drawn by their frequency alone (prior)" in html
    found = section(html, "sequences")
    assert "zzyzx" in found
    assert "Bits per unit" in found
    assert "Reference and hypothesis" not in found
    assert "<del>" not in found


def test_errors_are_marked_unit_by_unit(make_view: Make) -> None:
    (read, _, through) = sequence_section.samples(make_view("words"), "worst")
    assert read.status == "unknown"
    assert read.edits == "1 of 3"
    assert read.references == ("R EH D", "R IY D")
    assert [unit for kind, unit in through.wanted if kind != "same"] == ["UW "]
    assert [unit for kind, unit in through.found if kind != "same"] == ["AW "]
    assert through.baseline == "TH R UW"
    assert [text for text, _ in through.others] == ["TH R"]
    html = section(page.render(make_view("words")), "sequences")
    assert re.search(r"TH R <del>UW</del>", html)
    assert re.search(r"TH R <ins>AW</ins>", html)


def test_units_of_characters_stand_beside_each_other_and_spaces_are_seen() -> None:
    assert [sequence_section.visible(unit, "characters") for unit in ("a", " ", "\n")] == ["a", "␣", "↵"]
    assert sequence_section.visible("the", "words") == "the "


def test_an_answer_of_nothing_is_said_in_words(make_view: Make) -> None:
    view = make_view("words")
    sample = view["sequences"]["samples"]["worst"][0]
    sample.update(steps=[["missing", "K", ""]], hypotheses=[{"text": "", "score": None}], references=["K"])
    html = section(page.render(view), "sequences")
    assert '<span class="hint">nothing</span>' in html


def test_lengths_are_written_as_ranges(make_view: Make) -> None:
    table = sequence_section.lengths(make_view("words"))
    assert table is not None
    assert [row[0] for row in table.rows] == ["1 to 4", "5 to 8", "9 to 12", "513+"]
    assert table.heads[:4] == ("Units", "Sources", "wer", "per")
    assert table.heads[-1] == "wer, baseline"
    assert table.rows[0][2:4] == ("0.3000", "0.1000")


def test_int8_stands_beside_float32(make_view: Make) -> None:
    table = sequence_section.quantisation(make_view("words"))
    assert table is not None
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["wer"] == ("0.3060", "0.3000", "+0.0060")
    assert rows["size"] == ("1.0 MiB", "3.8 MiB", "× 0.2750")
    assert sequence_section.quantisation(make_view("sentences")) is None
    assert "Weights in 8 bits" not in page.render(make_view("sentences"))


def test_the_training_shows_buckets_padding_and_what_was_skipped(make_view: Make) -> None:
    html = section(page.render(make_view("words")), "training")
    for text in ("skipped, too long", "skipped, empty", "padding", "units per second", "Source up to"):
        assert text in html
    table = sequence_section.buckets(make_view("words"))
    assert table is not None
    assert table.rows[0] == ("4", "3", "1,024", "50,000", "3.0%")
    assert sequence_section.buckets(make_view("pushed")) is None


def test_attention_is_drawn_once_for_each_source_and_told_in_words(make_view: Make) -> None:
    view = make_view("words")
    made = sequence_section.attention(view)
    assert [one.title for one in made] == ["cat", "read", "through", "sleeping", "unquestionably"]
    assert made[0].strongest[0][:2] == ("K", "c")
    html = page.render(view)
    assert html.count('class="chart heat"') == 5
    assert "Attention, strongest: K from c, AE from a, T from t." in html


def test_a_heat_map_has_a_square_for_each_weight_that_is_seen() -> None:
    drawn = heat_map("k", "Attention", ["c", "a"], ["K"], [[0.25, 0.001]])
    assert re.findall(r'x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)" fill-opacity="(\S+)"', drawn) == [
        ("0%", "0%", "50%", "100%", "0.25")
    ]
    assert 'height="22"' in drawn
    assert "slanted" not in drawn
    assert "slanted" in heat_map("k", "Attention", ["Hund"], ["dog"], [[1.0]])


@pytest.mark.parametrize("damage", ["weights", "source_units", "units"])
def test_attention_that_does_not_fit_is_left_out(make_view: Make, damage: str) -> None:
    view = make_view("sentences")
    for entry in view["sequences"]["samples"].values():
        entry[0]["attention"][damage] = entry[0]["attention"][damage][1:]
    assert sequence_section.attention(view) == []


@pytest.mark.parametrize("kind", ["words", "sentences", "characters"])
def test_nothing_but_escaped_text_of_hostile_data_reaches_the_page(make_view: Make, kind: str) -> None:
    view = make_view(kind)
    task = view["summary"]["task"]
    view = poisoned(view)
    view["summary"]["task"] = task
    view["sequences"]["left_out"][HOSTILE] = view["sequences"]["speed"][HOSTILE] = {"sources_per_second": 1}
    html = page.render(view)
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("part", ["samples", "by_length", "speed", "status", "left_out", "kinds", "sources"])
@pytest.mark.parametrize("value", [None, {}, "absent"])
def test_any_part_of_the_sequences_may_be_absent(make_view: Make, part: str, value: Any) -> None:
    for kind in ("words", "characters"):
        view = make_view(kind)
        if value == "absent":
            del view["sequences"][part]
        else:
            view["sequences"][part] = value
        assert 'id="sequences"' in page.render(view)
    view = make_view("words")
    del view["sequences"]
    assert "No sequence was scored in this run." in page.render(view)


def test_the_terminal_shows_metrics_of_sequences(make_view: Make) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(summary_lines(make_view("words")))
    text = console.export_text()
    assert re.search(r"wer +0\.3000 +0\.3600", text)
    assert "exact_match" in text
