"""The section about a group of replicas."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.report import group_section, page
from tests.pipeline.report.test_page import HOSTILE, poisoned, section

Make = Callable[[str], dict[str, Any]]


def cells(row: str) -> list[str]:
    found = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    return [" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", "", cell).split()) for cell in found]


def test_a_single_training_has_no_such_section(make_view: Make) -> None:
    html = page.render(make_view("pushed"))
    assert "codistillation" not in html
    assert "Codistillation" not in html


def test_a_group_has_a_row_for_each_replica(make_view: Make) -> None:
    html = page.render(make_view("group"))
    assert '<a href="#codistillation">Codistillation</a>' in html
    found = section(html, "codistillation")
    assert (
        "2 of 3 replicas finished; the model is that of replica 1, which has the least validation loss "
        "among them." in found
    )
    head, *rows = [cells(row) for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)]
    assert head == ["Replica", "End", *group_section.HEADS]
    assert rows[0] == ["0", "finished", "0.4312", "0.4100", "2,390 of 2,390", "0", "2 min 05 s"]
    assert rows[1][:6] == ["1", "chosen", "0.4298", "0.4200", "2,390 of 2,390", "2"]
    assert rows[2][:3] == ["2", "stopped: the others had finished long before", "–"]
    assert rows[2][4:6] == ["1,100 of 2,390", "0"]
    assert rows[3] == ["Replica", *group_section.EXCHANGE_HEADS]
    assert rows[4] == ["0", "2,151", "187", "412", "3.2 MiB", "6.5 MiB"]
    assert rows[6] == ["2", "–", "–", "–", "–", "–"]
    assert rows[7:] == [
        ["Replica", "Why it ended"],
        ["1", "killed: Killed"],
        ["1", "no progress for 600 s"],
    ]


def test_without_validation_the_reason_is_another(make_view: Make) -> None:
    view = make_view("group")
    for one in view["group"]["replicas"]:
        one["validation_loss"] = None
    assert "the least training loss, as there was no validation split" in group_section.sentence(view)


def test_a_group_in_which_none_was_taught_says_what_to_change(make_view: Make) -> None:
    view = make_view("group")
    assert "None was taught" not in group_section.sentence(view)
    view["group"]["untaught"] = "every training ended in its burn-in; lower `train.codistillation.burn_in`"
    assert group_section.sentence(view).endswith(
        " None was taught: every training ended in its burn-in; lower train.codistillation.burn_in."
    )


def test_a_group_in_which_nothing_failed_says_no_causes(make_view: Make) -> None:
    view = make_view("group")
    view["group"]["replicas"][1]["causes"] = []
    assert "Why it ended" not in page.render(view)


@pytest.mark.parametrize("value", [None, {}, [], "x", 3, {"replicas": "x"}, {"replicas": [{}], "chosen": 7}])
def test_whatever_the_file_holds_a_page_is_made(make_view: Make, value: Any) -> None:
    view = make_view("group")
    view["group"] = value
    assert "</html>" in page.render(view)
    view = make_view("group")
    for name in view["group"]["replicas"][0]:
        view["group"]["replicas"][0][name] = value
    assert "</html>" in page.render(view)


def test_its_texts_are_escaped(make_view: Make) -> None:
    view = make_view("group")
    view["group"] = poisoned(view["group"])
    html = page.render(view)
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
