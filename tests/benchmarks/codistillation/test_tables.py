"""What the parts make of what they found: rows, figures and promises, without measuring."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from benchmarks import codistillation
from benchmarks.__main__ import BENCHMARKS
from benchmarks.codistillation import (
    churn,
    cost,
    exchange,
    parts,
    picture,
    pronunciation,
    quality,
    replicas,
    staleness,
)
from benchmarks.record import Figure


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_a_peer_is_compared_inside_a_round_and_may_cost_two_fifths() -> None:
    rounds = {cost.ALONE: [0.001, 0.01], cost.ABSENT: [0.001, 0.0104], cost.PRESENT: [0.0015, 0.013]}
    found = {"LSTM": {"1": rounds}}
    told = by_name(cost.figures(found))
    assert told["a step with a peer, LSTM, 1 thread"].value == pytest.approx(1.4)
    assert told["a step with a peer, LSTM, 1 thread"].limit == 1.4
    assert told["a step with a peer absent, LSTM, 1 thread"].value == pytest.approx(1.02)
    assert told["a step with a peer absent, LSTM, 1 thread"].kept
    _, row = cost.table(found)
    assert row.split() == [
        "LSTM",
        "1",
        "5.50",
        "1.00-10.00",
        "1.02",
        "x",
        "1.00-1.04",
        "1.40",
        "x",
        "1.30-1.50",
    ]


def group(share: float, each: int) -> dict[str, Any]:
    measured = {
        "seconds": 15.0,
        "first_block_seconds": 5.0,
        "exchange_seconds": share / 10,
        "progress_seconds": 0.01,
    }
    idle = {**measured, "exchange_seconds": 0.0}
    return {
        "steps": 900,
        "parameters": 250,
        "measured": [idle, measured],
        "exchanges": [
            {"bytes_written": 3 * each, "publications_written": 3},
            {"bytes_written": 5 * each, "publications_written": 5},
        ],
    }


def test_the_exchange_is_judged_by_the_replica_that_it_costs_most() -> None:
    sizes = {"first_bytes": 1000, "unchanged_bytes": 100, "hand_over_seconds": 0.001}
    found = {
        "groups": {"float32": group(0.9, 1000), "bfloat16": group(1.1, 500)},
        "tables": {"float32": sizes, "bfloat16": {**sizes, "first_bytes": 500}},
    }
    told = by_name(exchange.figures(found))
    assert told["exchange in the training thread, float32"].value == pytest.approx(0.9)
    assert told["exchange in the training thread, float32"].kept
    assert not told["exchange in the training thread, bfloat16"].kept
    assert told["bytes of bfloat16 to float32"].value == 0.5
    assert told["bytes with unchanged tables to all"].value == 0.1
    row = next(line for line in exchange.table(found) if line.startswith("bfloat16"))
    assert row.split() == ["bfloat16", "1.100%", "0.100%", "8", "500", "2.00"]


def test_tables_that_did_not_change_are_not_written_again() -> None:
    one, two = exchange.weights(1), exchange.weights(2)
    same = {name for name in one if (one[name] == two[name]).all()}
    assert same == {f"table_{i}" for i in range(exchange.TABLES)}
    found = exchange.written("bfloat16")
    tables, layers = exchange.TABLES * exchange.ROWS * exchange.WIDTH * 2, (512 * 128 + 128 * 64 + 64) * 2
    assert found["first_bytes"] == pytest.approx(tables + layers, rel=0.01)
    assert found["unchanged_bytes"] == pytest.approx(layers, rel=0.05)


def ones(count: int, cpu: float, peak: int, peers: int) -> list[dict[str, Any]]:
    measured = {"step_seconds": 2 * cpu, "step_cpu_seconds": cpu, "peak_bytes": peak}
    common = {"seconds": 60.0, "parameters": MIB // 4, "steps": 1434, "peers": peers}
    return [{**common, "measured": [measured] * count}]


MIB = 1 << 20
GROUPS = {
    "1": ones(1, 0.010, 500 * MIB, 0),
    "2": ones(2, 0.013, 502 * MIB, 1),
    "4": ones(4, 0.025, 509 * MIB, 3),
}


def test_a_peer_is_a_share_of_a_step_and_copies_of_the_weights() -> None:
    found = {replicas.TIMES: GROUPS, replicas.MEMORY: GROUPS}
    told = by_name(replicas.figures(found))
    assert told["CPU time of a peer, 2 replicas"].value == pytest.approx(0.3)
    assert told["CPU time of a peer, 4 replicas"].value == pytest.approx(0.5)
    assert not told["CPU time of a peer, 4 replicas"].kept
    assert told["memory of the first peer, 2 replicas"].value == pytest.approx(2.0)
    assert told["memory of the first peer, 2 replicas"].kept
    assert told["memory of a further peer, 4 replicas"].value == pytest.approx(3.5)
    assert not told["memory of a further peer, 4 replicas"].kept
    rows = list(replicas.table(found))
    assert rows[0] == "times: 1 training each of 1,434 steps; memory: weights of 1 MiB"
    assert rows[3].split() == ["2", "1", "60.0", "26.00", "13.00", "0.30", "x", "502", "2.00"]


def test_a_peer_that_had_not_come_keeps_no_promise() -> None:
    groups = {**GROUPS, "2": ones(2, 0.010, 500 * MIB, 0)}
    told = by_name(replicas.figures({replicas.TIMES: groups, replicas.MEMORY: groups}))
    assert not told["CPU time of a peer, 2 replicas"].kept
    assert not told["memory of the first peer, 2 replicas"].kept


def trial(seed: int, loss: float, reached: int | None, stale: float | None = 300.0) -> dict[str, Any]:
    return {
        "seed": seed,
        "metrics": {"log_loss": loss},
        "validation_loss": loss + 0.1,
        "steps": 100,
        "steps_to_single": reached,
        "seconds": 20.0,
        "mean_staleness_steps": stale,
    }


COMPARED = {
    "metrics": ["log_loss"],
    # In the order of the texts, as they are kept.
    "kinds": {
        quality.DIVIDED: [trial(1, 0.50, None), trial(2, 0.41, None)],
        quality.SAME: [trial(1, 0.44, 50), trial(2, 0.37, 75)],
        quality.SINGLE: [trial(1, 0.50, 100, None), trial(2, 0.40, 100, None)],
    },
}


def test_groups_are_compared_seed_by_seed_and_by_the_steps_to_a_single_quality() -> None:
    told = by_name(quality.figures(COMPARED))
    assert told["log loss, same rows, to single"].value == pytest.approx(0.9)
    assert told["log loss, same rows, to single"].kept
    assert told["validation loss, same rows, to single"].value == pytest.approx(0.505 / 0.55)
    assert told["validation loss, rows divided, to single"].limit is None
    assert told["steps to the quality of single, same rows"].value == pytest.approx(0.625)
    assert "steps to the quality of single, rows divided" not in told
    _, _, single, same, divided = quality.table(COMPARED)
    assert single.split() == ["single", "0.4500", "0.1000", "0.5500", "0.1000"]
    assert same.split()[2:5] == ["0.4050", "0.0700", "-0.0450"]
    assert same.split()[-5:] == ["62%,", "2", "of", "2", "300"]
    assert divided.split()[-4:] == ["0", "of", "2", "300"]


def test_on_words_less_dropout_is_told_of_both_and_promised_of_none() -> None:
    kinds = {
        kind: [{**trial(1, loss, None, None), "metrics": {"wer": loss, "per": loss / 4}}]
        for kind, loss in zip(pronunciation.KINDS, (0.26, 0.25, 0.27, 0.28, 0.255), strict=True)
    }
    found = {"metrics": ["wer", "per"], "kinds": kinds}
    told = by_name(pronunciation.figures(found))
    assert [name for name, one in told.items() if one.limit is not None] == [
        "wer, same rows, to single",
        "validation loss, same rows, to single",
    ]
    assert told["wer, single, half the dropout, to single"].value == pytest.approx(25 / 26)
    _, _, *rows = pronunciation.table(found)
    assert [row.split("  ")[0] for row in rows] == list(pronunciation.KINDS)


SWEPT = {
    "single": [{"log_loss": 0.5, "steps": 3824}, {"log_loss": 0.48, "steps": 3824}],
    "every": {
        str(every): [
            {"log_loss": loss, "steps": 3824, "mean_staleness_steps": stale, "teaching_share": 0.9}
            for loss in (low, low + 0.01)
        ]
        # In the order of the texts, as they are kept.
        for every, low, stale in (
            (1, 0.46, 120.0),
            (250, 0.47, 350.0),
            (2500, 0.48, None),
            (50, 0.465, 150.0),
        )
    },
}


def test_staleness_is_shown_as_measured_beside_the_setting() -> None:
    rows = [line.split() for line in staleness.table(SWEPT)]
    assert rows[3] == ["1", "120", "90%", "0.4650", "0.0100", "-0.0250"]
    assert [row[0] for row in rows[3:]] == ["1", "50", "250", "2,500"]
    assert rows[6][:2] == ["2,500", "-"]
    told = by_name(staleness.figures(SWEPT))
    assert told["log loss, every 1 step, to single"].value == pytest.approx(0.465 / 0.49)


def test_the_picture_is_well_formed_and_has_every_training() -> None:
    swept = {every: staleness.losses(entries) for every, entries in staleness.by_steps(SWEPT)}
    root = xml.etree.ElementTree.fromstring(picture.picture(staleness.losses(SWEPT["single"]), swept))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 8
    (line,) = root.findall(f"{space}polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)  # more loss, further up


def test_equal_losses_still_make_a_picture() -> None:
    xml.etree.ElementTree.fromstring(picture.picture([0.5], {1: [0.5], 250: [0.5]}))


def retrains(kind: str, change: float, loss: float) -> dict[str, Any]:
    return {
        "pairs": [
            {"kind": kind, "churn": change + d, "decisions_flipped": change / 2} for d in (-0.01, 0.01)
        ],
        "trials": [{"kind": kind, "measures": {"log_loss": loss}}],
    }


def test_churn_is_promised_to_fall_by_35_percent_for_a_group_and_not_for_an_ensemble() -> None:
    kinds = [
        retrains("single", 0.04, 0.5),
        retrains("codistilled", 0.026, 0.49),
        retrains("ensemble", 0.03, 0.48),
    ]
    found = {name: [one for kind in kinds for one in kind[name]] for name in ("pairs", "trials")}
    told = by_name(churn.figures(found))
    assert told["less churn, codistilled"].value == pytest.approx(35.0)
    assert told["less churn, codistilled"].limit == 35.0
    assert told["less churn, ensemble"].value == pytest.approx(25.0)
    assert told["less churn, ensemble"].limit is None
    assert told["log loss, ensemble, to single"].value == pytest.approx(0.96)


def test_a_part_that_is_stored_replaces_its_own_figures_alone(tmp_path: Path) -> None:
    path, given = tmp_path / "stored.json", parts.Given(tmp_path, overrides=("train.epochs=1",))
    for name, found in (("cost", {"a": 1}), ("churn", {"b": 2}), ("cost", {"a": 3})):
        parts.store(name, found, given, path)
    kept = parts.read(path)
    assert {name: entry["found"] for name, entry in kept.items()} == {"cost": {"a": 3}, "churn": {"b": 2}}
    assert kept["cost"]["overrides"] == ["train.epochs=1"]
    assert {"commit", "machine", "stored"} <= kept["churn"].keys()
    assert parts.read(tmp_path / "absent.json") == {}


def test_an_unknown_part_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        codistillation.main(["costs"])
    assert "Received: costs" in capsys.readouterr().err


def test_the_quick_parts_are_among_all_benchmarks() -> None:
    registered = {words for module, words in BENCHMARKS.values() if module == "codistillation"}
    assert registered == {(part,) for part in codistillation.QUICK}
