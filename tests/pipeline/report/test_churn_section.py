"""What the report of a run says about the distance from the served model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.report import churn_section, page
from pipeline.report.verdict import gate_rows

Make = Callable[[str], dict[str, Any]]


def section(html: str) -> str:
    start = html.index('<section id="churn"')
    return re.sub(r"\s+", " ", html[start : html.index("</section>", start)])


def ruled(view: dict[str, Any], *rules: tuple[str, str]) -> dict[str, Any]:
    """The view with further verdicts of the gate."""
    view["gate"]["verdicts"] += [
        {"rule": rule, "slice": "overall", "value": 0.1, "limit": 0.1, "verdict": verdict, "reason": ""}
        for rule, verdict in rules
    ]
    return view


def test_both_measures_stand_beside_the_rules_about_them(make_view: Make) -> None:
    view = ruled(make_view("pushed"), ("churn <= 0.1", "pass"), ("decisions_flipped <= 0.01", "fail"))
    found = churn_section.rows(view, gate_rows(view))
    assert [(row.metric, row.value, row.verdicts) for row in found] == [
        ("churn", "0.0213", (("churn <= 0.1", "pass"),)),
        ("decisions_flipped", "1.8%", (("decisions_flipped <= 0.01", "fail"),)),
    ]
    html = section(page.render(view))
    assert "by 0.0213 on average, and 1.8% of the decisions are other ones." in html
    assert "decisions_flipped &lt;= 0.01" in html
    assert 'href="#churn"' in page.render(view)


def test_without_a_baseline_nothing_is_told(make_view: Make) -> None:
    view = make_view("regression")
    assert churn_section.rows(view, gate_rows(view)) == []
    assert churn_section.words(view) == ""
    assert "No blessed model was there" in section(page.render(view))
    assert "No model was evaluated" in section(page.render(make_view("failed")))
    view["metrics"]["baseline_problem"] = "its classes are others"
    found = section(page.render(view))
    assert "The newest blessed model cannot be compared with: its classes are others" in found
    assert "No blessed model was there" not in found


def test_a_regression_flips_no_decision(make_view: Make) -> None:
    view = make_view("regression")
    view["metrics"]["baseline_is_prior"] = False
    assert [row.metric for row in churn_section.rows(view, [])] == ["churn"]
    assert churn_section.words(view).endswith("by 9.7000 on average.")


def test_of_sequences_the_share_is_told_once_with_the_rules_of_both_names(make_view: Make) -> None:
    view = ruled(make_view("words"), ("churn <= 0.1", "fail"), ("decisions_flipped <= 0.2", "pass"))
    (row,) = churn_section.rows(view, gate_rows(view))
    assert (row.metric, row.value) == ("churn", "12.4%")
    assert {verdict for _, verdict in row.verdicts} == {"pass", "fail"}
    told = "For 12.4% of the sources the best hypothesis is not that of the baseline."
    assert told in section(page.render(view))


@pytest.mark.parametrize("value", [None, "0.1", float("nan")])
def test_a_damaged_value_is_left_out(make_view: Make, value: Any) -> None:
    view = make_view("pushed")
    view["metrics"]["decisions_flipped"] = value
    assert [row.metric for row in churn_section.rows(view, [])] == ["churn"]
