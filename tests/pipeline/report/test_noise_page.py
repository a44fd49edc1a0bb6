"""What the report of flipped labels says."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report import noise_page


def trial(share: float, loss: str, seed: int, auc: float, calibration: float = 1.0) -> dict[str, Any]:
    t = (1.0, 1.0) if loss == "logistic" else (0.8, 1.2)
    return {
        "flip": share,
        "loss": {"name": loss, "t1": t[0], "t2": t[1]},
        "seed": seed,
        "measures": {"auc": auc, "log_loss": 1 - auc, "calibration": calibration},
        "validation": auc - 0.1,
    }


def results(**changes: Any) -> dict[str, Any]:
    trials = [
        trial(0.0, "logistic", 1, 0.80, 0.9), trial(0.0, "logistic", 2, 0.82, 1.1),
        trial(0.0, "bi-tempered", 1, 0.81, 1.05), trial(0.0, "bi-tempered", 2, 0.79, 0.8),
        trial(0.2, "logistic", 1, 0.70, 1.5), trial(0.2, "logistic", 2, 0.71, 1.6),
        trial(0.2, "bi-tempered", 1, 0.73, 1.2), trial(0.2, "bi-tempered", 2, 0.7401, 1.3),
    ]  # fmt: skip
    found = {
        "name": "<b>flights</b>", "task": "binary", "finished": "2026-01-02T03:04:05+00:00",
        "rows": {"train": 100, "validation": 10, "eval": 20},
        "flips": [0.0, 0.2], "seeds": [1, 2], "trials": trials, "search": [],
    }  # fmt: skip
    return {**found, **changes}


@pytest.mark.parametrize(
    ("measure", "own", "other", "expected"),
    [
        ("auc", (0.72, 0.73, 0.74), (0.70, 0.71, 0.72), "better"),
        ("auc", (0.70, 0.71, 0.72), (0.72, 0.73, 0.74), "worse"),
        # One seed of three disagrees.
        ("auc", (0.72, 0.73, 0.70), (0.70, 0.71, 0.72), "same"),
        # Each is ahead, but by how much is anybody's guess: 0.02 +- 0.043.
        ("auc", (0.74, 0.711, 0.722), (0.70, 0.71, 0.72), "same"),
        ("auc", (0.75,), (0.70,), "same"),
        ("log_loss", (0.5, 0.6, 0.7), (0.3, 0.41, 0.5), "worse"),
        ("log_loss", (0.3, 0.41, 0.5), (0.5, 0.6, 0.7), "better"),
        ("calibration", (0.9, 1.1, 0.9), (1.2, 0.8, 1.21), "better"),
        ("calibration", (0.7, 0.69, 1.3), (0.9, 1.1, 1.1), "worse"),
    ],
)
def test_better_and_worse_are_judged_seed_by_seed(
    measure: str, own: tuple[float, ...], other: tuple[float, ...], expected: str
) -> None:
    assert noise_page.outcome(measure, noise_page.Cell(own), noise_page.Cell(other)) == expected


def test_the_table_and_the_verdict_agree() -> None:
    table = {(line.flip, line.loss): line for line in noise_page.table(results())}
    assert table["0%", "bi-tempered"].outcomes == ("same", "same", "same")
    assert table["20%", "bi-tempered"].outcomes == ("better", "better", "better")
    assert table["20%", "logistic"].outcomes == ("", "", "")
    assert table["20%", "bi-tempered"].cells[0].mean == pytest.approx(0.73505)
    assert noise_page.verdict(results()) == [
        "0% flipped, bi-tempered (0.8, 1.2): level with the logistic loss within the seeds.",
        "20% flipped, bi-tempered (0.8, 1.2): better in AUC, log loss, predicted over true.",
    ]


def test_one_seed_proves_nothing() -> None:
    alone = results(seeds=[1], trials=[one for one in results()["trials"] if one["seed"] == 1])
    assert {word for line in noise_page.table(alone) for word in line.outcomes} == {"", "same"}
    (said,) = noise_page.verdict(alone)
    assert said.startswith("One seed")
    assert "+" not in "".join(noise_page.lines(alone))


def test_the_search_marks_what_was_chosen_and_what_true_labels_would_choose() -> None:
    tried = [{**trial(0.2, name, 1, auc), "validation": seen} for name, auc, seen in
             [("(0.7, 1.2)", 0.75, 0.6), ("(1, 2)", 0.74, 0.62)]]  # fmt: skip
    rows = noise_page.search(results(search=tried))
    assert [(row[1], row[-1]) for row in rows] == [("(0.7, 1.2)", "best"), ("(1, 2)", "chosen")]


def test_the_page_is_whole_and_escapes_what_it_is_given() -> None:
    page = noise_page.render(results())
    assert "&lt;b&gt;flights&lt;/b&gt;" in page
    assert "<b>flights" not in page
    assert page.count("<figure") == 3
    assert "Search for temperatures" not in page
    assert "20% flipped, bi-tempered (0.8, 1.2): better in AUC" in page
