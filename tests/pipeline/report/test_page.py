"""The page: complete for every kind of run, safe against what data holds, and loading nothing."""

from __future__ import annotations

import base64
import copy
import hashlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import page

Make = Callable[[str], dict[str, Any]]
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


def poisoned(value: Any) -> Any:
    """Every text of a view, keys of data among them, replaced by markup."""
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def section(html: str, key: str) -> str:
    found = re.search(rf'<section id="{key}".*?</section>', html, re.DOTALL)
    assert found is not None
    return found.group()


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("pushed", "Pushed version 3"),
        ("refused", "Not blessed"),
        ("failed", 'Failed in check: <span class="whole">DATA-001</span>'),
        ("empty", "Not finished"),
    ],
)
def test_the_verdict_stands_first(make_view: Make, kind: str, title: str) -> None:
    html = page.render(make_view(kind))
    assert f'<h2 id="verdict-title">{title}</h2>' in html
    assert html.index("verdict-title") < html.index('id="steps"')


def test_a_failed_run_gives_cause_log_and_next_command(make_view: Make) -> None:
    html = page.render(make_view("failed"))
    assert "XX (~19%)" in html
    assert "<code>tandem resume 20260114-093012-4f1c --root .tandem</code>" in html
    assert "logs/check.log" in html
    assert "No model was trained in this run." in section(html, "training")
    assert "The gate gave no verdict in this run." in section(html, "gate")


def test_nothing_but_the_escaped_text_of_hostile_data_reaches_the_page(make_view: Make) -> None:
    view = poisoned(make_view("pushed"))
    view["summary"]["status"] = "not_blessed"
    for place in (view["lineage"]["versions"], view["sizes"], view["data"]["splits"], view["dry_run"]):
        place[HOSTILE] = 1
    view["metrics"]["candidate"]["overall"][HOSTILE] = 0.5
    view["metrics"]["candidate"]["slices"][0]["slice"] = {HOSTILE: HOSTILE}
    html = page.render(view)
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 100


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "<b>bold</b>", "a&b", '"quoted"'])
def test_column_names_and_categories_are_escaped(make_view: Make, name: str) -> None:
    view = make_view("pushed")
    view["data"]["columns"][0]["name"] = name
    view["data"]["columns"][0]["top_values"][0]["value"] = name
    html = section(page.render(view), "data")
    assert name not in html
    assert (
        html.count(name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;"))
        >= 3
    )


def test_the_policy_allows_the_one_style_sheet_by_its_digest_and_nothing_else(make_view: Make) -> None:
    html = page.render(make_view("pushed"))
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy.group(1).replace("&#39;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("kind", ["pushed", "refused", "failed", "regression", "empty"])
def test_no_address_leads_out_of_the_file(make_view: Make, kind: str) -> None:
    html = page.render(make_view(kind))
    addresses = re.findall(r'(?:href|src|srcset|action|data|poster)="([^"]*)"', html)
    assert addresses
    assert all(address.startswith("#") or address == "data:," for address in addresses)
    assert not re.search(r"https?://|url\(|@import|//[a-z]", html)


@pytest.mark.parametrize(
    "part",
    ["summary", "config_text", "data", "training", "metrics", "calibration", "gate", "lineage", "sizes"],
)
@pytest.mark.parametrize("value", [None, "absent", {}])
def test_any_part_may_be_absent(make_view: Make, part: str, value: Any) -> None:
    view = make_view("pushed")
    if value == "absent":
        del view[part]
    else:
        view[part] = value
    html = page.render(view)
    assert all(f'<section id="{key}"' in html for key, _ in page.sections("binary"))


def test_any_single_field_may_be_absent_or_not_finite(make_view: Make) -> None:
    whole = make_view("regression")
    for part, content in whole.items():
        if not isinstance(content, dict):
            continue
        for key in content:
            for value in (None, math.nan):
                view = copy.copy(whole)
                view[part] = {**content, key: value}
                assert "</html>" in page.render(view)


def test_numbers_that_are_not_finite_are_dashes_and_not_drawn(make_view: Make) -> None:
    view = make_view("pushed")
    view["metrics"]["candidate"]["overall"]["auc"] = math.nan
    view["training"]["history"][3]["loss"] = math.inf
    html = page.render(view)
    assert not re.search(r"\b(nan|inf)\b", html.replace("no-referrer", ""), re.IGNORECASE)


def test_the_first_run_has_no_baseline_columns(make_view: Make) -> None:
    html = section(page.render(make_view("regression")), "metrics")
    assert "There is no blessed model yet" in html
    assert ">Baseline<" not in html
    assert ">Prior<" in html


def test_a_blessed_model_that_cannot_be_compared_is_not_called_absent(make_view: Make) -> None:
    view = make_view("regression")
    view["metrics"]["baseline_problem"] = "PUSH-004 version 2 lacks fingerprint.pb"
    html = section(page.render(view), "metrics")
    assert "The newest blessed model cannot be compared with" in html
    assert "There is no blessed model yet" not in html
    assert "version 2 lacks fingerprint.pb" in html


def test_training_tells_where_it_stopped_and_what_is_exported(make_view: Make) -> None:
    view = make_view("pushed")
    lowest = min(view["training"]["history"], key=lambda entry: entry["validation_loss"])
    view["training"].update(stopped_early=False, steps=9540, exported_step=5520)
    html = section(page.render(view), "training")
    assert "<dt>steps</dt><dd>9,540 of 9,540</dd>" in html
    assert "<dt>stopped early</dt><dd>no</dd>" in html
    assert "<dt>exported step</dt><dd>5,520</dd>" in html
    assert f"Lowest validation loss {lowest['validation_loss']:.4f} at step {lowest['step']:,}." in html
    last = view["training"]["history"][-1]
    assert last["step"] == 5520 != lowest["step"]
    assert f">exported {last['validation_loss']:.4f}</text>" in html
    view["training"]["stopped_early"] = True
    assert "<dt>stopped early</dt><dd>yes</dd>" in section(page.render(view), "training")


def test_state_of_the_optimizers_stands_beside_what_others_would_take(make_view: Make) -> None:
    found = section(page.render(make_view("pushed")), "training")
    table = re.search(r"<caption>Memory of the optimizers' state.*?</table>", found, re.DOTALL)
    assert table is not None
    lines = [re.findall(r">([^<]+)</t[hd]>", line) for line in table.group().split("<tr>")[2:]]
    assert lines == [
        ["FTRL", "48,226", "377 KiB", "8"],
        ["SM3", "100,000", "7.8 KiB", "0.08"],
        ["all of them", "148,226", "385 KiB", "2.6568"],
        ["Adam instead", "148,226", "1.1 MiB", "8"],
        ["AdaGrad instead", "148,226", "579 KiB", "4"],
    ]


def test_the_only_optimizer_does_not_stand_beside_itself(make_view: Make) -> None:
    view = make_view("pushed")
    state = view["training"]["optimizer_state"]
    state["parts"] = {"adam": {"optimizer": "Adam", "parameters": 10, "bytes": 80}}
    found = section(page.render(view), "training")
    assert "AdaGrad instead" in found
    assert "Adam instead" not in found


def test_serving_times_carry_their_own_units(make_view: Make) -> None:
    html = section(page.render(make_view("pushed")), "sizes")
    facts = dict(re.findall(r'<th scope="row">([^<]*)</th><td class="num">([^<]*)</td>', html))
    assert facts == {
        "requests answered": "1,000",
        "greatest difference from training": "5.96e−08",
        "time to load": "0.34 s",
        "one request, median": "2.84 ms",
        "one request, p99": "6.21 ms",
        "64 requests at once, median": "9.1 ms",
        "64 requests at once, p99": "14.7 ms",
    }


def test_anomalies_name_their_split_and_only_those_that_stop_the_run_are_errors(make_view: Make) -> None:
    html = section(page.render(make_view("failed")), "data")
    rows = re.findall(
        r'<tr><th scope="row" class="name">(\w+)</th><td>(\w+)</td><td><span class="badge (\w+)">'
        r".*?</svg>\s*(\w+)</span>",
        html,
        re.DOTALL,
    )
    assert rows == [
        ("carrier", "train", "bad", "error"),
        ("tailnum", "train", "warn", "warning"),
        ("tailnum", "validation", "warn", "warning"),
    ]


def test_splits_come_in_the_order_they_are_used_and_one_row_is_one_row(make_view: Make) -> None:
    view = make_view("pushed")
    view["data"]["bad_rows"] = 1
    html = page.render(view)
    assert "244,395 train, 27,153 validation, 55,798 eval" in html
    tally = re.findall(r"<dt>([^<]*)</dt><dd>([\d,]+) <span>(rows?)</span>", section(html, "data"))
    assert tally == [
        ("train", "244,395", "rows"),
        ("validation", "27,153", "rows"),
        ("eval", "55,798", "rows"),
        ("without label", "9,430", "rows"),
        ("bad", "1", "row"),
    ]


def test_a_share_missing_that_differs_between_splits_is_shown_as_a_bound(make_view: Make) -> None:
    html = section(page.render(make_view("pushed")), "data")
    # pressure: 11.56% of train and 13.87% of eval.
    assert "<b>≤ 13.9%</b> missing" in html
    assert "<b>0%</b> missing" in html


def test_predictions_of_both_models_are_counted_in_the_same_bins(make_view: Make) -> None:
    view = make_view("pushed")
    candidate, baseline = (view["calibration"][model]["equal_width"] for model in ("candidate", "baseline"))
    for cells, counts in ((candidate, {8: 300, 9: 100}), (baseline, {8: 200, 9: 200})):
        for index, cell in enumerate(cells):
            cell["count"] = counts.get(index, 0)
    html = section(page.render(view), "calibration")
    assert (
        "75.0% of the candidate&#39;s 400 predictions lie between 0.2 and 0.225, the fullest of 40 bins."
        in html
    )
    assert 'class="line baseline"' in html.split("<h3>Rows by prediction")[1]
    for cell in baseline:
        cell["upper"] *= 2
    html = section(page.render(view), "calibration")
    assert 'class="line baseline"' not in html.split("<h3>Rows by prediction")[1]


@pytest.mark.parametrize(
    ("task", "heading"),
    [
        ("binary", "Reliability"),
        ("multiclass", "Confidence and accuracy"),
        ("regression", "Predicted and actual"),
    ],
)
def test_the_calibration_plot_is_named_after_the_task(make_view: Make, task: str, heading: str) -> None:
    view = make_view("pushed")
    view["summary"]["task"] = task
    assert f"<h3>{heading}</h3>" in section(page.render(view), "calibration")


def test_three_hundred_columns_and_five_hundred_slices_stay_small_and_collapsed(make_view: Make) -> None:
    html = page.render(make_view("wide"))
    assert len(html.encode()) < 2_000_000
    assert "column_299" in html
    assert "D499" in html
    visible, hidden = html, 1
    while hidden:
        visible, hidden = re.subn(
            r"<details[^>]*>(?:(?!<details).)*?</details>", "", visible, flags=re.DOTALL
        )
    assert "<details open" not in html
    assert len(visible) < 100_000


def test_the_config_text_keeps_its_lines(make_view: Make) -> None:
    view = make_view("pushed")
    view["config_text"] = "name: flights\nlabel:\n  column: late\n"
    assert "<code>name: flights\nlabel:\n  column: late\n</code>" in page.render(view)


def test_the_page_is_the_same_for_the_same_view(make_view: Make) -> None:
    assert page.render(make_view("pushed")) == page.render(make_view("pushed"))


def test_write_makes_a_file_that_any_reader_can_decode(make_view: Make, tmp_path: Path) -> None:
    view = make_view("pushed")
    view["data"]["columns"][0]["name"] = "broken \udcff name"
    page.write(view, tmp_path / "run" / "report.html")
    assert (tmp_path / "run" / "report.html").read_bytes().decode("utf-8").startswith("<!doctype html>")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["report.html"]
