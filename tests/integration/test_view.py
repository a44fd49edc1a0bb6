"""The report of a real run; and that the views its tests are made with are like real ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.report import page
from tests.pipeline.report import views

ROWS = 600
# Mappings whose keys come from the data, the libraries and the optimizers.
NAMED_BY_DATA = ("slice", "columns", "versions", "parts", "others")


def differences(made: Any, real: Any, path: str = "") -> Iterator[str]:
    """Where keys or types differ; what is empty or `None` on one side is not compared."""
    if made in (None, [], {}) or real in (None, [], {}):
        return
    if isinstance(made, dict) and isinstance(real, dict):
        if path.rpartition(".")[2] in NAMED_BY_DATA:
            return
        yield from (f"{path}.{key} is made, not real" for key in made.keys() - real.keys())
        yield from (f"{path}.{key} is real, not made" for key in real.keys() - made.keys())
        for key in made.keys() & real.keys():
            yield from differences(made[key], real[key], f"{path}.{key}")
    elif isinstance(made, list) and isinstance(real, list):
        # Elements may be of several kinds, such as columns of numbers and of texts.
        for item in made:
            found = [list(differences(item, other, f"{path}[]")) for other in real]
            yield from min(found, key=len)
        for other in real:
            yield from min((list(differences(item, other, f"{path}[]")) for item in made), key=len)
    elif kind(made) != kind(real):
        yield f"{path} is {kind(made)} where made, {kind(real)} where real"


def kind(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


@pytest.fixture(scope="module")
def project(shared_project):
    """A project with a column of everything: numbers, texts, times, missing values and a bad row."""
    rng = np.random.default_rng(0)
    number, colour = rng.normal(size=ROWS), rng.choice(["red", "green"], ROWS)
    answer = np.where(rng.random(ROWS) < 1 / (1 + np.exp(-2 * number)), "yes", "no")
    frame = pd.DataFrame({"number": number.round(4), "colour": colour, "answer": answer})
    frame.loc[::9, "number"] = None
    path = shared_project.data(frame)
    path.write_text(path.read_text() + "1.5,red,yes,too,many\n")
    shared_project.init(path, "answer")
    return shared_project


SETTINGS = ("data.max_bad_row_fraction=0.01", "evaluate.slices=[[colour]]", "train.epochs=2")


@pytest.fixture(scope="module")
def runs(project):
    """A first run, with the constant prediction as baseline, and one with a blessed model as baseline."""
    first = project.run(*SETTINGS)
    return first, project.run(*SETTINGS, "train.seed=1", "evaluate.confidence_intervals=true")


def test_views_made_for_tests_are_like_that_of_a_run_with_a_baseline(runs) -> None:
    _, second = runs
    assert second.summary["status"] == "pushed"
    assert sorted(set(differences(views.pushed(), second.view))) == []


def test_views_made_for_tests_are_like_that_of_a_failed_run(project) -> None:
    result = project.run(*SETTINGS, "check.min_rows=100000")
    assert result.summary["status"] == "failed"
    assert sorted(set(differences(views.failed(), result.view))) == []


def test_the_first_report_knows_the_constant_prediction_as_prior_alone(runs) -> None:
    html = page.render(runs[0].view)
    assert "There is no blessed model yet" in html
    calibration = re.search(r'<section id="calibration".*?</section>', html, re.DOTALL)
    assert calibration is not None
    assert "Rows by prediction" in calibration.group()
    assert "baseline" not in calibration.group()


def test_a_report_with_a_baseline_names_its_digest(runs) -> None:
    first, second = runs
    lineage = second.view["lineage"]
    assert lineage["baseline_digest"] == first.view["lineage"]["digest"]
    assert lineage["baseline_digest"] in page.render(second.view)
