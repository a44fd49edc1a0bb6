"""A new model with the rows of an earlier one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainer.spec import Column, DeepSpec, ModelSpec, WideSpec
from trainer.warm_start import Inputs, WarmState, apply

OLD, NEW = ["AA", "UA", "DL"], ["DL", "new", "AA", "B6"]
Fit = Callable[..., Any]


@pytest.fixture(scope="module")
def old(fit: Fit) -> Any:
    return fit(OLD, steps=60)


@pytest.fixture(scope="module")
def state(old: Any) -> WarmState:
    return old.state()


def warmed(new: Any, state: WarmState, policy: str = "keep") -> dict[str, Any]:
    return apply(new.model, new.optimizer, new.features, new.meaning, state, policy)


def hashed_and_dense(rows: int, columns: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.integers(0, 5, rows), rng.normal(size=(rows, columns))


# Rows of the column `carrier` in both tables: DL, AA, two buckets of unknown values, missing.
MOVED_NEW, MOVED_OLD = [0, 2, 4, 5, 6], [2, 0, 3, 4, 5]


def test_rows_follow_their_tokens_and_new_tokens_keep_their_start(
    fit: Fit, old: Any, state: WarmState
) -> None:
    new, untouched = fit(NEW, seed=2), fit(NEW, seed=2)
    report = warmed(new, state)
    wide, before = new.variable("wide/table").numpy(), old.variable("wide/table").numpy()
    assert np.array_equal(wide[5:][MOVED_NEW], before[5:][MOVED_OLD])
    assert np.array_equal(wide[:5], before[:5])
    assert np.abs(before).max() > 0
    table = new.variable("embeddings/table_4").numpy()
    assert np.array_equal(table[MOVED_NEW], old.variable("embeddings/table_4").numpy()[MOVED_OLD])
    fresh = untouched.variable("embeddings/table_4").numpy()
    assert np.array_equal(table[[1, 3]], fresh[[1, 3]])
    assert not np.isclose(table[MOVED_NEW], fresh[MOVED_NEW]).any()
    assert np.all(wide[5:][[1, 3]] == 0)
    entry = {"taken": 5, "fresh": 2, "dropped": 1}
    other = {"taken": 5, "fresh": 0, "dropped": 0}
    assert report["columns"] == {
        "wide/hash": other, "wide/carrier": entry, "deep/carrier": entry, "deep/hash": other
    }  # fmt: skip
    assert (report["rows_taken"], report["rows_fresh"], report["gone"]) == (20, 4, [])
    assert report["layers"] == {
        "hidden_0": {"taken": 9, "fresh": 0},
        "hidden_1": {"taken": 6, "fresh": 0},
        "deep": {"taken": 5, "fresh": 0},
    }


@pytest.mark.parametrize("policy", ["keep", "decay", "reset"])
def test_predictions_before_any_step_are_those_of_the_earlier_model(
    fit: Fit, old: Any, state: WarmState, policy: str
) -> None:
    new = fit(NEW, seed=2)
    hashed, dense = hashed_and_dense(5)
    expected = old.logits(MOVED_OLD, hashed, dense)
    assert np.abs(new.logits(MOVED_NEW, hashed, dense) - expected).max() > 0.05
    warmed(new, state, policy)
    np.testing.assert_allclose(new.logits(MOVED_NEW, hashed, dense), expected, atol=1e-6)


def test_slots_follow_their_rows(fit: Fit, old: Any, state: WarmState) -> None:
    new = fit(NEW, seed=2)
    warmed(new, state)
    for slot in ("accumulator", "linear"):
        found, before = new.slot("wide/table", slot)[5:], old.slot("wide/table", slot)[5:]
        np.testing.assert_allclose(found[MOVED_NEW], before[MOVED_OLD], rtol=1e-5, atol=1e-6)
    assert np.all(new.slot("wide/table", "accumulator")[5:][[1, 3]] == np.float32(0.1))
    assert np.all(new.slot("wide/table", "linear")[5:][[1, 3]] == 0)
    for name, moved in (("embeddings/table_4", (MOVED_NEW, MOVED_OLD)), ("hidden_1/kernel", (..., ...))):
        found, before = new.slot(name, "accumulator"), old.slot(name, "accumulator")
        assert np.array_equal(found[moved[0]], before[moved[1]])
        assert before.max() > 0.1


def test_evidence_below_l1_is_kept_with_its_row(fit: Fit) -> None:
    model = ModelSpec(WideSpec(l1=0.5), DeepSpec(hidden=(6, 5), dropout=0.0))
    old, new = fit(OLD, steps=5, model=model), fit(NEW, seed=2, model=model)
    assert np.all(old.variable("wide/table").numpy() == 0)
    gathered = old.slot("wide/table", "linear")[5:][MOVED_OLD]
    assert np.abs(gathered).max() > 0.01
    warmed(new, old.state())
    assert np.array_equal(new.slot("wide/table", "linear")[5:][MOVED_NEW], gathered)


def test_policies_keep_halve_or_forget_the_accumulators(fit: Fit, old: Any, state: WarmState) -> None:
    name, start = "hidden_0/kernel", np.float32(0.1)
    before = old.slot(name, "accumulator")
    for policy, share in (("keep", 1.0), ("decay", 0.5), ("reset", 0.0)):
        new = fit(NEW, seed=2)
        warmed(new, state, policy)
        found = new.slot(name, "accumulator")
        np.testing.assert_allclose(found, start + share * (before - start), rtol=1e-6)
        wide = new.slot("wide/table", "accumulator")[:5] - start
        np.testing.assert_allclose(wide, share * (old.slot("wide/table", "accumulator")[:5] - start), 1e-5)
        assert np.array_equal(new.variable(name).numpy(), old.variable(name).numpy())


@pytest.mark.parametrize(("policy", "share"), [("keep", 1.0), ("decay", 0.5), ("reset", 0.0)])
def test_sm3_takes_numbers_of_rows_by_token_and_those_of_columns_whole(
    fit: Fit, policy: str, share: float
) -> None:
    model = ModelSpec(WideSpec(), DeepSpec(hidden=(6, 5), dropout=0.0, optimizer="sm3"))
    old, new, start = fit(OLD, steps=60, model=model), fit(NEW, seed=2, model=model), np.float32(0.1)
    warmed(new, old.state(), policy)

    def grown(name: str, slot: str, from_start: float = start) -> np.ndarray:
        return from_start + share * (old.slot(name, slot) - from_start)

    rows = new.slot("embeddings/table_4", "accumulator_0")
    np.testing.assert_allclose(rows[MOVED_NEW], grown("embeddings/table_4", "accumulator_0")[MOVED_OLD])
    assert np.all(rows[[1, 3]] == start)
    for name in ("embeddings/table_4", "hidden_1/kernel"):
        columns = new.slot(name, "accumulator_1")
        np.testing.assert_allclose(columns, grown(name, "accumulator_1"), rtol=1e-6)
        assert columns.shape[0] == 1
        assert old.slot(name, "accumulator_1").min() > start
    momentum = new.slot("hidden_1/kernel", "momentum")
    np.testing.assert_allclose(momentum, grown("hidden_1/kernel", "momentum", np.float32(0)), rtol=1e-6)


def test_columns_of_one_table_from_several_have_the_greatest_number(fit: Fit) -> None:
    deep = DeepSpec(hidden=(6, 5), dropout=0.0, optimizer="sm3")
    old = fit(OLD, steps=60, model=ModelSpec(WideSpec(), deep))
    apart = [old.slot(f"embeddings/table_{width}", "accumulator_1") for width in (3, 4)]
    spec = dataclasses.replace(
        new_features := fit(NEW, model=ModelSpec(WideSpec(), deep)).features,
        deep=(new_features.deep[0], dataclasses.replace(new_features.deep[1], dim=4)),
    )
    new = fit(NEW, seed=2, model=ModelSpec(WideSpec(), deep), spec=spec)
    warmed(new, old.state())
    found = new.slot("embeddings/table_4", "accumulator_1")[0]
    assert np.array_equal(found[:3], np.maximum(apart[0][0], apart[1][0, :3]))
    assert found[3] == apart[1][0, 3]


def test_slots_of_another_optimizer_start_anew_under_the_same_weights(fit: Fit, state: WarmState) -> None:
    deep = DeepSpec(hidden=(6, 5), dropout=0.0, optimizer="sm3")
    new = fit(NEW, seed=2, model=ModelSpec(WideSpec(), deep))
    warmed(new, state)
    assert np.array_equal(new.variable("hidden_1/kernel").numpy(), state.weights["hidden_1/kernel"])
    assert np.all(new.slot("hidden_1/kernel", "accumulator_0") == np.float32(0.1))


@pytest.mark.parametrize("policy", ["keep", "decay", "reset"])
@pytest.mark.parametrize("wide", [WideSpec(l1=0.02), WideSpec(l1=0.1, l2=0.3, learning_rate=0.5)])
def test_the_weights_are_the_leader_so_a_gradient_of_zero_leaves_them(
    fit: Fit, state: WarmState, policy: str, wide: WideSpec
) -> None:
    new = fit(NEW, seed=2, model=ModelSpec(wide, DeepSpec(hidden=(6, 5), dropout=0.0)))
    warmed(new, state, policy)
    variables = new.model.trainable_variables
    before = [variable.numpy() for variable in variables]
    new.optimizer.apply([np.zeros_like(value) for value in before], variables)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-6)


def test_a_changed_number_of_hash_buckets_starts_the_column_anew(
    fit: Fit, spec_of: Fit, state: WarmState
) -> None:
    new, untouched = (fit(OLD, seed=2, spec=spec_of(OLD, hashed=6)) for _ in range(2))
    report = warmed(new, state)
    entry = {"taken": 0, "fresh": 6, "dropped": 5, "reason": "its size changed from 5 to 6"}
    assert report["columns"]["wide/hash"] == report["columns"]["deep/hash"] == entry
    assert report["columns"]["deep/carrier"]["taken"] == 6
    name = "embeddings/table_3"
    assert np.array_equal(new.variable(name).numpy(), untouched.variable(name).numpy())
    assert np.all(new.slot(name, "accumulator") == np.float32(0.1))


def test_inputs_of_the_first_layer_move_by_name_and_a_new_one_starts_with_weight_zero(
    fit: Fit, spec_of: Fit, old: Any, state: WarmState
) -> None:
    spec = spec_of(NEW, dense=("delay", "extra", "distance"), deep=(
        Column("new", 4, 2), Column("hash", 5, 3), Column("carrier", 7, 4, "carrier")))  # fmt: skip
    new = fit(NEW, seed=2, spec=spec)
    report = warmed(new, state)
    # Old: hash 0-2, carrier 3-6, distance 7, delay 8. New: new 0-1, hash 2-4, carrier 5-8, then dense.
    order = [None, None, 0, 1, 2, 3, 4, 5, 6, 8, None, 7]
    kernel, before = new.variable("hidden_0/kernel").numpy(), old.variable("hidden_0/kernel").numpy()
    sums, earlier = (fitted.slot("hidden_0/kernel", "accumulator") for fitted in (new, old))
    for row, source in enumerate(order):
        assert np.array_equal(kernel[row], np.zeros(6) if source is None else before[source])
        assert np.array_equal(sums[row], np.full(6, np.float32(0.1)) if source is None else earlier[source])
    assert report["layers"]["hidden_0"] == {"taken": 9, "fresh": 3}
    assert report["columns"]["deep/new"]["reason"] == "a new column"
    hashed, dense = hashed_and_dense(5, 3)
    ids = {
        "wide_ids": np.stack([hashed, MOVED_NEW], 1),
        "deep_ids": np.stack([hashed % 4, hashed, MOVED_NEW], 1),
        "dense": dense.astype(np.float32),
    }
    expected = old.logits(MOVED_OLD, hashed, dense[:, [2, 0]])
    np.testing.assert_allclose(new.model({n: ids[n] for n in new.model.input}), expected, atol=1e-6)


def test_a_wider_embedding_answers_alike_and_a_dropped_column_is_named(
    fit: Fit, spec_of: Fit, old: Any, state: WarmState
) -> None:
    new = fit(NEW, seed=2, spec=spec_of(NEW, dim=6))
    report = warmed(new, state)
    assert report["columns"]["deep/carrier"]["width"] == [4, 6]
    hashed, dense = hashed_and_dense(5)
    expected = old.logits(MOVED_OLD, hashed, dense)
    np.testing.assert_allclose(new.logits(MOVED_NEW, hashed, dense), expected, atol=1e-6)
    spec = spec_of(NEW, deep=(Column("carrier", 7, 4, "carrier"),))
    assert warmed(fit(NEW, spec=spec), state)["gone"] == ["deep/hash"]


@pytest.mark.parametrize(
    ("hidden", "taken"),
    [
        ((6,), {"hidden_0": 9, "deep": 0}),
        ((6, 5, 5), {"hidden_0": 9, "hidden_1": 6, "hidden_2": 0, "deep": 0}),
        ((7, 5), {"hidden_0": 0, "hidden_1": 0, "deep": 0}),
        ((6, 4), {"hidden_0": 9, "hidden_1": 0, "deep": 0}),
    ],
)
def test_a_layer_is_taken_only_on_top_of_the_layers_it_was_trained_on(
    fit: Fit, state: WarmState, hidden: tuple[int, ...], taken: dict[str, int]
) -> None:
    new = fit(OLD, seed=2, model=ModelSpec(deep=DeepSpec(hidden=hidden, dropout=0.0)))
    report = warmed(new, state)
    assert {name: entry["taken"] for name, entry in report["layers"].items()} == taken
    assert all(entry["reason"] for entry in report["layers"].values() if not entry["taken"])


def test_a_part_that_is_off_leaves_the_other(fit: Fit, old: Any, state: WarmState) -> None:
    new = fit(NEW, seed=2, model=ModelSpec(deep=DeepSpec(enabled=False)))
    report = warmed(new, state)
    assert report["gone"] == ["deep/carrier", "deep/hash"]
    assert np.array_equal(new.variable("wide/table").numpy()[:5], old.variable("wide/table").numpy()[:5])
    again = fit(NEW, seed=3)
    assert "no deep part" in warmed(again, new.state())["layers"]["hidden_0"]["reason"]


def test_other_classes_start_anew(fit: Fit, spec_of: Fit, state: WarmState) -> None:
    new, untouched = (fit(OLD, seed=2, spec=spec_of(OLD, classes=("yes", "no"))) for _ in range(2))
    report = warmed(new, state)
    assert report["rows_taken"] == 0
    assert report["rows_fresh"] == 22
    assert "something else" in report["reason"]
    for one, other in zip(new.model.variables, untouched.model.variables, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


def test_a_regression_answers_alike_in_the_label_units_of_the_new_data(fit: Fit, spec_of: Fit) -> None:
    def regression(tokens: list[str]) -> Any:
        return spec_of(tokens, task="regression", classes=())

    old = fit(OLD, steps=40, spec=regression(OLD), label_mean=1000.0, label_deviation=50.0)
    new = fit(NEW, seed=2, spec=regression(NEW), label_mean=1020.0, label_deviation=40.0)
    warmed(new, old.state())
    hashed, dense = hashed_and_dense(5)
    before = 1000.0 + 50.0 * old.logits(MOVED_OLD, hashed, dense)
    after = 1020.0 + 40.0 * new.logits(MOVED_NEW, hashed, dense)
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_without_tokens_a_vocabulary_starts_anew(fit: Fit, state: WarmState) -> None:
    new = fit(OLD, seed=2)
    new.meaning = dataclasses.replace(new.meaning, tokens={})
    report = apply(new.model, new.optimizer, new.features, Inputs(), state, "keep")
    assert report["columns"]["wide/carrier"]["reason"] == "its tokens are not known"
