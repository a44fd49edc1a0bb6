"""Every rule of the gate, by hand-made metrics; what is missing or odd never passes."""

from __future__ import annotations

import copy
import itertools
import json
import math

import pytest

from components.gate.decision import EQUALITY_RULE, decide
from components.gate.report import explain, to_json
from components.gate.rules import METRICS, parse

DRY_RUN = {"max_abs_difference": 1e-8, "requests": 1000, "latency_ms": {"p50": 2.0, "p99": 8.0}}


def slice_of(count, metrics, **columns):
    return {"slice": columns, "count": count, "metrics": metrics}


METRICS_FILE = {
    "candidate": {
        "overall": {"log_loss": 0.50, "auc": 0.75, "calibration": 1.02, "example_count": 900},
        "slices": [
            slice_of(500, {"auc": 0.78, "log_loss": 0.49}, origin="JFK"),
            slice_of(100, {"auc": 0.70, "log_loss": 0.52}, origin="LGA"),
            slice_of(99, {"auc": 0.20, "log_loss": 0.90}, origin="XYZ"),
            slice_of(300, {"auc": 0.60, "log_loss": 0.60}, origin="JFK", carrier="AA"),
        ],
    },
    "baseline": {
        "overall": {"log_loss": 0.52, "auc": 0.74},
        "slices": [
            slice_of(500, {"auc": 0.77, "log_loss": 0.50}, origin="JFK"),
            slice_of(100, {"auc": 0.71, "log_loss": 0.53}, origin="LGA"),
        ],
    },
    "prior": {"log_loss": 0.60, "auc": 0.5},
}


def run(*rules, metrics=METRICS_FILE, dry_run=DRY_RUN, is_prior=False, **options):
    return decide(
        metrics, list(rules), dry_run=dry_run, tolerance=1e-6, min_slice_size=100, baseline_is_prior=is_prior,
        **options,
    )  # fmt: skip


def verdicts(decision):
    return [(v.slice, v.value, v.limit, v.verdict) for v in decision.verdicts if v.rule != EQUALITY_RULE]


PASSES = {"metric": "auc", "min": 0.7}


@pytest.mark.parametrize(
    ("rule", "limit", "verdict"),
    [
        ({"metric": "auc", "min": 0.75}, 0.75, "pass"),
        ({"metric": "auc", "min": 0.7501}, 0.7501, "fail"),
        ({"metric": "auc", "max": 0.75}, 0.75, "pass"),
        ({"metric": "auc", "max": 0.7499}, 0.7499, "fail"),
        ({"metric": "auc", "better_than": "prior"}, 0.5, "pass"),
        ({"metric": "auc", "better_than": "prior", "by_at_least": 0.25}, 0.75, "pass"),
        ({"metric": "auc", "better_than": "prior", "by_at_least": 0.26}, 0.76, "fail"),
        ({"metric": "auc", "better_than": "baseline"}, 0.74, "pass"),
        ({"metric": "auc", "better_than": "baseline", "by_at_least": 0.02}, 0.76, "fail"),
    ],
)
def test_limits_where_higher_is_better(rule, limit, verdict):
    decision = run(rule)
    assert verdicts(decision) == [("overall", 0.75, pytest.approx(limit), verdict)]
    assert decision.blessed == (verdict == "pass")


@pytest.mark.parametrize(
    ("rule", "limit", "verdict"),
    [
        ({"metric": "log_loss", "better_than": "prior"}, 0.60, "pass"),
        ({"metric": "log_loss", "better_than": "prior", "by_at_least": 0.05}, 0.55, "pass"),
        ({"metric": "log_loss", "better_than": "prior", "by_at_least": 0.11}, 0.49, "fail"),
        ({"metric": "log_loss", "better_than": "baseline"}, 0.52, "pass"),
        ({"metric": "log_loss", "better_than": "baseline", "by_at_least": 0.03}, 0.49, "fail"),
    ],
)
def test_limits_where_lower_is_better(rule, limit, verdict):
    assert verdicts(run(rule)) == [("overall", 0.50, pytest.approx(limit), verdict)]


@pytest.mark.parametrize(("metric", "worse"), [("auc", 0.7399), ("log_loss", 0.5201)])
def test_equal_is_not_better_but_may_be_allowed(metric, worse):
    metrics = copy.deepcopy(METRICS_FILE)
    equal = metrics["baseline"]["overall"][metric]
    metrics["candidate"]["overall"][metric] = equal
    rule = {"metric": metric, "better_than": "baseline"}
    assert not run(rule, metrics=metrics).blessed
    assert run({**rule, "by_at_least": -0.0001}, metrics=metrics).blessed
    metrics["candidate"]["overall"][metric] = worse
    assert not run({**rule, "by_at_least": -0.00005}, metrics=metrics).blessed
    assert run({**rule, "by_at_least": -0.001}, metrics=metrics).blessed


def test_every_condition_of_a_rule_has_its_own_verdict():
    decision = run({"metric": "auc", "min": 0.7, "max": 0.74, "better_than": "baseline", "by_at_least": 0.0})
    assert [v.rule for v in decision.verdicts] == [
        "auc >= 0.7", "auc <= 0.74", "auc better than baseline", EQUALITY_RULE,
    ]  # fmt: skip
    assert [v.verdict for v in decision.verdicts] == ["pass", "fail", "pass", "pass"]
    assert decision.reasons == ("auc <= 0.74 (overall): 0.75 <= 0.74 does not hold",)


def test_a_rule_holds_for_each_large_slice_of_exactly_its_columns():
    decision = run({"metric": "auc", "min": 0.75, "slices": ["origin"]})
    assert verdicts(decision) == [
        ("origin=JFK", 0.78, 0.75, "pass"),
        ("origin=LGA", 0.70, 0.75, "fail"),
        ("origin=XYZ", None, None, "skipped"),
    ]
    assert [v.reason for v in decision.verdicts if v.verdict == "skipped"] == ["99 rows, fewer than 100"]
    assert verdicts(run({"metric": "auc", "min": 0.5, "slices": ["carrier", "origin"]})) == [
        ("carrier=AA, origin=JFK", 0.60, 0.5, "pass")
    ]


@pytest.mark.parametrize(
    ("overall", "counted"),
    [({"exact_match": 0.5}, "sources"), ({"perplexity": 3.0}, "texts"), ({"auc": 0.7}, "rows")],
)
def test_slices_that_are_not_decided_say_what_they_have_too_few_of(overall, counted):
    (metric,) = overall
    rule = {"metric": metric, "min": 0.1, "slices": ["source_length"]}
    slices = [
        slice_of(9, overall, source_length="1"),
        slice_of(120, overall, source_length="2"),
        slice_of(None, overall, source_length="3"),
    ]
    metrics = {"candidate": {"overall": overall, "slices": slices}}
    reasons = [verdict.reason for verdict in run(rule, metrics=metrics).verdicts]
    assert reasons[0] == f"9 {counted}, fewer than 100"
    assert reasons[2] == f"the number of {counted} is missing"
    metrics["candidate"]["slices"] = slices[:1]
    assert f"no slice of source_length with at least 100 {counted}" in run(rule, metrics=metrics).reasons[0]


def test_slices_are_compared_with_the_same_slice_of_the_baseline():
    rule = {"metric": "auc", "better_than": "baseline", "slices": ["origin"]}
    assert verdicts(run(rule))[:2] == [("origin=JFK", 0.78, 0.77, "pass"), ("origin=LGA", 0.70, 0.71, "fail")]
    metrics = copy.deepcopy(METRICS_FILE)
    del metrics["baseline"]["slices"][0]
    assert verdicts(run(rule, metrics=metrics))[0] == ("origin=JFK", 0.78, None, "fail")


@pytest.mark.parametrize(
    ("slices", "why"),
    [
        ([], "no slice of origin"),
        (None, "no slice of origin"),
        ("JFK", "no slice of origin"),
        ([slice_of(99, {"auc": 0.9}, origin="A")], "no slice of origin with at least 100 rows"),
        ([slice_of(None, {"auc": 0.9}, origin="A")], "the number of rows is missing"),
        ([slice_of(math.nan, {"auc": 0.9}, origin="A")], "the number of rows is nan"),
        ([slice_of(100, {}, origin="A")], "auc is missing"),
        ([slice_of(100, None, origin="A")], "auc is missing"),
        ([slice_of(100, {"auc": math.nan}, origin="A")], "auc is nan"),
        ([None, 5], "no slice of origin"),
    ],
)
def test_slices_without_values_fail(slices, why):
    metrics = copy.deepcopy(METRICS_FILE)
    metrics["candidate"]["slices"] = slices
    decision = run({"metric": "auc", "min": 0.1, "slices": ["origin"]}, PASSES, metrics=metrics)
    assert not decision.blessed
    assert why in decision.reasons[0]


def test_slices_of_the_prior_are_known_only_where_it_stands_in_as_the_baseline():
    rule = {"metric": "auc", "better_than": "prior", "slices": ["origin"]}
    assert [v[3] for v in verdicts(run(rule, is_prior=True))] == ["pass", "fail", "skipped"]
    assert [v[3] for v in verdicts(run(rule))] == ["fail", "fail", "skipped"]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "0.9", True, [0.9]])
def test_a_value_that_is_missing_or_not_finite_fails(value):
    for side, rule in itertools.product(
        ("candidate", "baseline", "prior"),
        (PASSES, {"metric": "auc", "better_than": "baseline"}, {"metric": "auc", "better_than": "prior"}),
    ):
        metrics = copy.deepcopy(METRICS_FILE)
        (metrics["prior"] if side == "prior" else metrics[side]["overall"])["auc"] = value
        concerned = side == "candidate" or rule.get("better_than") == side
        decision = run(rule, metrics=metrics)
        assert decision.blessed != concerned
        json.dumps(to_json(decision, "d", metrics, DRY_RUN, {}), allow_nan=False)


@pytest.mark.parametrize("metrics", [None, {}, [], "x", {"candidate": None}, {"candidate": {"overall": []}}])
def test_unreadable_metrics_fail(metrics):
    assert not run(PASSES, metrics=metrics).blessed
    assert not run({"metric": "auc", "better_than": "prior"}, metrics=metrics).blessed


@pytest.mark.parametrize("rules", [[], None, {}, "auc"])
def test_no_rules_bless_nothing(rules):
    decision = decide(
        METRICS_FILE, rules, dry_run=DRY_RUN, tolerance=1e-6, min_slice_size=1, baseline_is_prior=True
    )
    assert not decision.blessed
    assert "no rules" in decision.reasons[0]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (None, "mapping"),
        ({"min": 0.1}, "must name a metric"),
        ({"metric": ""}, "must name a metric"),
        ({"metric": "auc"}, "needs min, max or better_than"),
        ({"metric": "auc", "minimum": 0.1}, "minimum"),
        ({"metric": "auc", "min": math.nan}, "min must be a finite number"),
        ({"metric": "auc", "max": "1"}, "max must be a finite number"),
        ({"metric": "auc", "better_than": "prior", "by_at_least": math.inf}, "by_at_least must be a finite"),
        ({"metric": "auc", "better_than": "last"}, "prior or baseline"),
        ({"metric": "calibration", "better_than": "prior"}, "no value of calibration is better"),
        ({"metric": "bias_ratio", "better_than": "baseline"}, "no value of bias_ratio is better"),
        ({"metric": "unheard_of", "better_than": "baseline"}, "no value of unheard_of is better"),
        ({"metric": "auc", "min": 0.1, "slices": "origin"}, "list of columns"),
        ({"metric": "auc", "min": 0.1, "slices": [1]}, "list of columns"),
    ],
)
def test_a_rule_that_cannot_be_read_fails(rule, why):
    decision = run(PASSES, rule)
    assert not decision.blessed
    assert why in decision.reasons[0]


def test_a_rule_reads_as_the_configuration_dumps_it():
    from pipeline.config.model import Rule

    dumped = Rule(metric="auc", better_than="prior", by_at_least=0.02, slices=["origin"]).model_dump(
        mode="json"
    )
    rule = parse(dumped)
    assert (rule.better_than, rule.by_at_least, rule.slices) == ("prior", 0.02, ("origin",))
    assert rule.describe("better_than") == "auc better than prior by at least 0.02 in every slice of origin"


def test_every_metric_says_which_side_is_better():
    assert {name for name, better in METRICS.items() if better == "higher"} == {
        "auc", "pr_auc", "accuracy", "exact_match", "bleu", "chrf",
    }  # fmt: skip
    assert {name for name, better in METRICS.items() if better == "lower"} == {
        "log_loss", "brier", "rmse", "mae", "wer", "per", "perplexity", "bits_per_unit",
        "latency_p50_ms", "latency_p99_ms",
    }  # fmt: skip


@pytest.mark.parametrize(("is_prior", "same"), [(True, False), (False, True), (True, True)])
def test_baseline_rules_are_skipped_without_a_blessed_model_or_against_itself(is_prior, same):
    rules = (
        PASSES,
        {"metric": "auc", "better_than": "baseline", "by_at_least": 0.5},
        {"metric": "churn", "max": 0.1},
        {"metric": "decisions_flipped", "max": 0.1},
    )
    extra = {"churn": 0.4, "decisions_flipped": 0.4}
    decision = run(*rules, is_prior=is_prior, candidate_is_baseline=same, extra=extra)
    assert [v.verdict for v in decision.verdicts] == ["pass", "skipped", "skipped", "skipped", "pass"]
    assert decision.blessed
    assert ("no model is blessed yet" if is_prior else "the blessed model itself") in decision.verdicts[
        1
    ].reason


@pytest.mark.parametrize("options", [{"is_prior": True}, {"is_prior": True, "candidate_is_baseline": True}])
def test_rules_against_a_blessed_model_that_cannot_be_judged_fail_and_the_others_decide(options):
    options |= {"baseline_problem": "version 3 takes the column b", "extra": {"churn": 0.0}}
    rules = (
        PASSES,
        {"metric": "auc", "better_than": "prior"},
        {"metric": "auc", "better_than": "baseline", "by_at_least": -1.0},
        {"metric": "auc", "better_than": "baseline", "by_at_least": -1.0, "slices": ["origin"]},
        {"metric": "churn", "max": 1.0},
    )
    decision = run(*rules, **options)
    assert [v.verdict for v in decision.verdicts] == ["pass", "pass", "fail", "fail", "fail", "pass"]
    assert {v.reason for v in decision.verdicts if v.verdict == "fail"} == {"version 3 takes the column b"}
    assert run(*rules[:2], **options).blessed


def test_slices_of_one_name_fail():
    rule = {"metric": "auc", "better_than": "baseline", "slices": ["origin"]}
    for model in ("candidate", "baseline"):
        metrics = copy.deepcopy(METRICS_FILE)
        metrics[model]["slices"].append(slice_of(500, {"auc": 0.1}, origin="JFK"))
        decided = [v for v in run(rule, metrics=metrics).verdicts if v.slice == "origin=JFK"]
        assert {(v.verdict, v.reason) for v in decided} == {("fail", "2 slices have this name")}


def test_skipped_rules_alone_bless_nothing():
    decision = run({"metric": "auc", "better_than": "baseline"}, is_prior=True)
    assert [v.verdict for v in decision.verdicts] == ["skipped", "pass"]
    assert decision.reasons == ("no rule could be decided: add a rule with min, max or better_than: prior",)


@pytest.mark.parametrize("metric", ["churn", "decisions_flipped"])
@pytest.mark.parametrize(("value", "blessed"), [(0.05, True), (0.2, False), (None, False), (math.nan, False)])
def test_churn_is_held_by_its_limit_when_a_model_is_blessed(metric, value, blessed):
    assert run({"metric": metric, "max": 0.1}, extra={metric: value}).blessed is blessed


@pytest.mark.parametrize(("limit", "blessed"), [(8.0, True), (7.9, False)])
def test_latency_of_the_dry_run_is_a_metric(limit, blessed):
    decision = run({"metric": "latency_p99_ms", "max": limit})
    assert decision.blessed is blessed
    assert verdicts(decision)[0][1] == 8.0
    assert not run(
        {"metric": "latency_p99_ms", "max": limit}, dry_run={**DRY_RUN, "latency_ms": None}
    ).blessed


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"max_abs_difference": 2e-6}, "above 1e-06"),
        ({"max_abs_difference": math.nan}, "is nan"),
        ({"max_abs_difference": math.inf}, "is inf"),
        ({"max_abs_difference": None}, "is missing"),
        ({"max_abs_difference": -1.0}, "is -1"),
        ({"requests": 0}, "number of requests is 0"),
        ({"requests": None}, "number of requests is missing"),
    ],
)
def test_serving_must_equal_training(changes, why):
    decision = run(PASSES, dry_run={**DRY_RUN, **changes})
    assert not decision.blessed
    assert decision.reasons[0].startswith(f"{EQUALITY_RULE} (overall): ")
    assert why in decision.reasons[0]


@pytest.mark.parametrize("dry_run", [None, {}, [], "x"])
def test_a_dry_run_without_result_fails(dry_run):
    decision = run(PASSES, dry_run=dry_run)
    assert decision.reasons == (f"{EQUALITY_RULE} (overall): the dry run left no result",)


def test_a_difference_at_the_tolerance_passes():
    assert run(PASSES, dry_run={**DRY_RUN, "max_abs_difference": 1e-6}).blessed


def test_each_problem_of_the_inputs_is_a_reason():
    decision = run(
        PASSES, problems=["the blessed model cannot be read: PUSH-004", "the scores cannot be read"]
    )
    assert not decision.blessed
    assert len(decision.reasons) == 2
    assert "PUSH-004" in decision.reasons[0]


def test_the_file_and_the_explanation_tell_everything():
    decision = run(
        PASSES, {"metric": "log_loss", "max": 0.4}, {"metric": "auc", "min": 0.6, "slices": ["origin"]}
    )
    metrics = copy.deepcopy(METRICS_FILE)
    metrics["candidate"]["overall"]["brier"] = math.nan
    gate = json.loads(json.dumps(to_json(decision, "abc", metrics, DRY_RUN, {"version": 3}), allow_nan=False))
    assert gate["blessed"] is False
    assert gate["model_digest"] == "abc"
    assert gate["metrics"] == METRICS_FILE["candidate"]["overall"]
    assert gate["dry_run"]["latency_ms"] == {"p50": 2.0, "p99": 8.0}
    assert gate["verdicts"][1] == {
        "rule": "log_loss <= 0.4", "slice": "overall", "value": 0.5, "limit": 0.4, "verdict": "fail",
        "reason": "0.5 <= 0.4 does not hold",
    }  # fmt: skip
    text = explain(gate).splitlines()
    assert text[:2] == [
        "Not blessed: model abc",
        "  because log_loss <= 0.4 (overall): 0.5 <= 0.4 does not hold",
    ]
    assert text[2] == "fail    log_loss <= 0.4 [overall] value 0.5, limit 0.4: 0.5 <= 0.4 does not hold"
    assert text[3].startswith(
        "skipped auc >= 0.6 in every slice of origin [origin=XYZ] value none, limit none: 99 rows"
    )
    assert len(text) == 2 + 6
    assert explain(to_json(run(PASSES), "abc", METRICS_FILE, DRY_RUN, {})).startswith(
        "Blessed: model abc\npass"
    )
    assert explain({}) == "Not blessed: model None"
