"""What the report of retrains says, with hand-worked numbers."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report import churn_page

KINDS = ("single", "codistilled", "ensemble")
# Three retrains: pairs (1, 2), (1, 3), (2, 3).
CHURN = {"single": (0.02, 0.03, 0.04), "codistilled": (0.01, 0.02, 0.024), "ensemble": (0.02, 0.02, 0.02)}
FLIPPED = {"single": (0.1, 0.1, 0.1), "codistilled": (0.05, 0.04, 0.06), "ensemble": (0.08, 0.1, 0.06)}
LOSS = {"single": (0.5, 0.51, 0.52), "codistilled": (0.49, 0.5, 0.51), "ensemble": (0.52, 0.5, 0.51)}
PARAMETERS = {"single": 1000, "codistilled": 1000, "ensemble": 2000}
TIME = {"single": 4.0, "codistilled": 4.2, "ensemble": 7.0}


def results(task: str = "binary", metric: str = "log_loss", retrains: int = 3) -> dict[str, Any]:
    seeds = list(range(1, retrains + 1))
    couples = [[1, 2], [1, 3], [2, 3]][: retrains * (retrains - 1) // 2]
    return {
        "name": "<b>flights</b>",
        "task": task,
        "finished": "2026-01-02T03:04:05Z",
        "rows": {"train": 100, "validation": 10, "eval": 20},
        "seeds": seeds,
        "codistillation": {"replicas": 2, "exchange_every_steps": 250},
        "trials": [
            {
                "kind": kind,
                "seeds": [seed, seed + 3] if kind == "ensemble" else [seed],
                "parameters": PARAMETERS[kind],
                "seconds": 2.0 * seed,
                "measures": {metric: LOSS[kind][seed - 1]},
            }
            for kind in KINDS
            for seed in seeds
        ],
        "pairs": [
            {
                "kind": kind,
                "seeds": couple,
                "churn": CHURN[kind][index],
                "decisions_flipped": None if task == "regression" else FLIPPED[kind][index],
            }
            for kind in KINDS
            for index, couple in enumerate(couples)
        ],
        "serving": {
            kind: {"milliseconds": TIME[kind], "rounds": [TIME[kind], TIME[kind] + 1], "batch": 1000}
            for kind in KINDS
        },
    }


def test_churn_is_a_mean_over_the_pairs_and_told_against_single_trainings() -> None:
    single, codistilled, ensemble = churn_page.churn(results())
    assert single.churn.mean == pytest.approx(0.03)
    assert single.churn.spread == "0.0200 to 0.0400"
    assert (single.against, single.flipped_against) == ("", "")
    # 0.018 of 0.03 and 0.05 of 0.1.
    assert (codistilled.against, codistilled.flipped_against) == ("−40%", "−50%")
    assert (ensemble.against, ensemble.flipped_against) == ("−33%", "−20%")


def test_quality_is_compared_retrain_by_retrain_and_cost_with_that_of_one() -> None:
    single, codistilled, ensemble = churn_page.costs(results())
    assert single.outcomes == ("",)
    assert codistilled.outcomes == ("better",)
    # Differences -0.02, 0.01 and 0.01 tell nothing.
    assert ensemble.outcomes == ("same",)
    assert (codistilled.parameters_against, ensemble.parameters_against) == ("× 1.00", "× 2.00")
    assert (codistilled.milliseconds_against, ensemble.milliseconds_against) == ("× 1.05", "× 1.75")
    assert codistilled.training_seconds.mean == 4.0


def test_of_a_metric_that_should_be_high_less_is_worse() -> None:
    assert churn_page.costs(results(metric="auc"))[1].outcomes == ("worse",)


def test_the_verdict_says_it_in_sentences() -> None:
    said = churn_page.verdict(results())
    assert said[0] == (
        "Codistilled: churn 0.0180 against 0.0300 of single trainings (−40%); 5.0% of the decisions flip "
        "against 10.0% (−50%)."
    )
    assert said[1] == (
        "Codistilled: better in log_loss. Serving it costs 1.00 times the weights and 1.05 times the time of "
        "one."
    )
    assert said[3].startswith("Ensemble of two: level with single trainings within the retrains.")
    assert len(said) == 4
    assert "one pair" in churn_page.verdict(results(retrains=2))[-1]


def test_the_terminal_shows_a_row_for_each_measure() -> None:
    lines = [line.split() for line in churn_page.lines(results())]
    assert lines[0] == ["Single", "Codistilled", "Ensemble", "of", "two"]
    assert lines[1] == ["churn", "0.0300", "0.0180", "(−40%)", "0.0200", "(−33%)"]
    assert lines[2] == ["decisions", "flipped", "10.0%", "5.0%", "(−50%)", "8.0%", "(−20%)"]
    assert lines[3] == ["log_loss", "0.5100", "0.5000", "+", "0.5100"]
    assert lines[4][:2] == ["parameters", "1,000"]
    assert "mean over 3 pairs each" in churn_page.lines(results())[-2]


def test_a_regression_has_no_decisions_and_texts_are_told_as_shares() -> None:
    numbers = results("regression", "rmse")
    assert churn_page.churn(numbers)[0].flipped is None
    assert not any("flip" in line for line in [*churn_page.lines(numbers), *churn_page.verdict(numbers)])
    assert "Decisions flipped</th><th" not in churn_page.render(numbers)
    texts = results("seq2seq", "wer")
    assert churn_page.churn(texts)[0].churn.spread == "2.0% to 4.0%"
    assert not any(line.startswith("decisions") for line in churn_page.lines(texts))
    assert churn_page.verdict(texts)[0] == "Codistilled: churn 1.8% against 3.0% of single trainings (−40%)."


def test_without_any_churn_nothing_is_divided() -> None:
    still = results()
    for pair in still["pairs"]:
        pair.update(churn=0.0, decisions_flipped=0.0)
    assert [line.against for line in churn_page.churn(still)] == ["", "", ""]
    assert "churn 0.0000 against 0.0000 of single trainings;" in churn_page.verdict(still)[0]


def test_a_metric_that_is_not_defined_everywhere_is_left_out() -> None:
    found = results()
    for one in found["trials"]:
        one["measures"]["auc"] = None
    assert churn_page.measures(found) == ["log_loss"]
    assert "auc" not in churn_page.render(found)


def test_the_page_is_whole_and_escapes_what_it_is_given() -> None:
    html = churn_page.render(results())
    assert "&lt;b&gt;flights&lt;/b&gt;" in html
    assert "<b>flights" not in html
    assert html.count('class="bar"') == 3
    assert "exchange every steps" in html
    assert html.count("<table") == 6
    # Every pair and every training, and the tables of quality and cost.
    assert html.count('<tr><th scope="row">Ensemble of two</th>') == 3 + 3 + 2
