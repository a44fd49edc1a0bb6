"""Views as runs on flight delays would give them: deterministic, with every part present.

`tests/integration/test_view.py` compares their keys and types with those of a real run.
"""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

View = dict[str, Any]

CARRIERS = {"UA": 0.21, "EV": 0.31, "B6": 0.24, "DL": 0.17, "AA": 0.18, "MQ": 0.27, "US": 0.16, "WN": 0.28}
CARRIERS |= {"VX": 0.19, "FL": 0.33, "AS": 0.14, "F9": 0.36}
RARE = {"9E": 0.25, "YV": 0.34, "HA": 0.12, "OO": 0.3}
DESTINATIONS = ["ORD", "ATL", "LAX", "BOS", "MCO", "CLT", "SFO", "FLL", "MIA", "DCA"]
TRAIN_ROWS = 244395


def _bins(rng: random.Random, bend: float) -> dict[str, list[dict[str, float]]]:
    equal_weight, lower = [], 0.02
    for index in range(20):
        upper = lower + 0.012 + 0.0001 * index**2.2
        middle = (lower + upper) / 2
        label = middle + bend * math.sin(math.pi * middle) + rng.gauss(0, 0.008)
        edges = {"lower": lower, "upper": upper, "count": 2790}
        equal_weight.append({**edges, "mean_prediction": middle, "mean_label": min(1.0, max(0.0, label))})
        lower = upper
    equal_width = [
        {
            "lower": index / 40,
            "upper": (index + 1) / 40,
            "count": round(8200 * math.exp(-(((index + 0.5) / 40 - 0.17 - bend) ** 2) / 0.028)),
        }
        for index in range(40)
    ]
    return {"equal_weight": equal_weight, "equal_width": equal_width}


def _metrics(rate: float, quality: float, count: int) -> dict[str, float]:
    entropy = -(rate * math.log(rate) + (1 - rate) * math.log(1 - rate))
    return {
        "log_loss": entropy * (1 - 0.16 * quality),
        "auc": 0.5 + 0.245 * quality,
        "pr_auc": rate + 0.26 * quality,
        "accuracy": max(rate, 1 - rate) + 0.021 * quality,
        "brier": rate * (1 - rate) * (1 - 0.12 * quality),
        "calibration": 1.004 + 0.09 * (1 - quality),
        "example_count": count,
        "mean_label": rate,
        "mean_prediction": rate * (1.004 + 0.09 * (1 - quality)),
    }


def _interval(metrics: dict[str, float], count: int) -> dict[str, dict[str, float]]:
    width = 0.9 / math.sqrt(count)
    return {
        "lower": {name: value - width for name, value in metrics.items() if name != "example_count"},
        "upper": {name: value + width for name, value in metrics.items() if name != "example_count"},
    }


def _model(quality: float, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    rated = [("origin", "EWR", 0.24, 20153), ("origin", "JFK", 0.2, 18544), ("origin", "LGA", 0.19, 17101)]
    for index, (name, rate) in enumerate({**CARRIERS, **RARE}.items()):
        rated.append(("carrier", name, rate, round(9800 / (1 + index) ** 1.1)))
    parts: list[dict[str, Any]] = []
    for column, value, rate, count in rated:
        own = _metrics(rate, quality + rng.uniform(-0.16, 0.16), count)
        entry = {"slice": {column: value}, "count": count, "metrics": own}
        parts.append({**entry, "confidence": _interval(own, count)})
    overall = _metrics(0.212, quality, 55798)
    return {"overall": overall, "confidence": _interval(overall, 55798), "slices": parts}


def _history(rng: random.Random) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for index in range(1, 25):
        loss = 0.432 + 0.21 * math.exp(-index / 3.2) + rng.gauss(0, 0.0025) - 0.0007 * index
        valid = 0.4405 + 0.17 * math.exp(-index / 3.4) + 0.00022 * max(0, index - 14) ** 1.5
        speed = 31500 + rng.gauss(0, 900) - (14000 if index == 1 else 0)
        place = {"step": 230 * index, "epoch": index / 2, "examples": 117760 * index}
        measured = {
            "loss": loss,
            "validation_loss": valid,
            "examples_per_second": speed,
            "seconds": index * 3.8,
        }
        records.append({**place, **measured})
    return records


def _numeric(name: str, low: float, high: float, centre: float, spread: float, missing: float) -> View:
    width = (high - low) / 20
    histogram = []
    for index in range(20):
        left = low + index * width
        weight = math.exp(-(((left + width / 2 - centre) / spread) ** 2)) + 0.004
        histogram.append({"low": left, "high": left + width, "count": round(40000 * weight)})
    facts = {"mean": centre * 1.04, "std": spread, "min": low, "median": centre, "max": high, "zeros": 120}
    absent = {"train": missing, "validation": missing, "eval": missing * 1.2}
    kind = {"name": name, "type": "number", "kind": "numeric", "missing_fraction": absent}
    return {**kind, **facts, "histogram": histogram}


def _categorical(name: str, values: list[str], distinct: int) -> View:
    weights = [1 / (1 + 0.45 * index) for index in range(distinct)]
    top = [
        {"value": value, "count": round(TRAIN_ROWS * weight / sum(weights))}
        for value, weight in zip(values, weights, strict=False)
    ]
    kind = {"name": name, "type": "text", "kind": "categorical", "distinct": distinct}
    return {**kind, "missing_fraction": {"train": 0.0, "validation": 0.0, "eval": 0.0}, "top_values": top}


def _columns() -> list[View]:
    made = [
        _categorical("carrier", list(CARRIERS)[:10], 16),
        _categorical("origin", ["EWR", "JFK", "LGA"], 3),
        _categorical("dest", DESTINATIONS, 105),
        _categorical("tailnum", ["N725MQ", "N722MQ", "N723MQ", "N711MQ", "N713MQ"], 4043),
        _numeric("distance", 17, 4983, 872, 733, 0.0),
        _numeric("temp", 10.94, 100.04, 56.5, 17.9, 0.0047),
        _numeric("wind_speed", 0, 42.58, 10.4, 5.6, 0.0049),
        _numeric("precip", 0, 1.21, 0.01, 0.08, 0.0046),
        _numeric("visib", 0, 10, 9.6, 1.9, 0.0046),
        _numeric("pressure", 983.8, 1042.1, 1017.6, 7.4, 0.1156),
        _numeric("plane_age", 0, 57, 11, 8.1, 0.1719),
    ]
    time = _numeric("sched_dep", 1357016400, 1383282000, 1370000000, 9e6, 0.0)
    return [*made, {**time, "kind": "timestamp"}]


def pushed() -> View:
    """A pushed run with every part of the view present."""
    rng = random.Random(7)
    view: View = json.loads((Path(__file__).parent / "flights_run.json").read_text(encoding="utf-8"))
    view["summary"]["gate"] = view["gate"]["verdicts"]
    view["data"]["columns"] = _columns()
    prior = _metrics(0.212, 0.0, 55798)
    view["dry_run"] = view["gate"]["dry_run"]
    view["gate"]["metrics"] = _metrics(0.212, 1.0, 55798)
    view["metrics"] = {
        "candidate": _model(1.0, 11),
        "baseline": _model(0.88, 12),
        "prior": prior,
        "churn": 0.0213,
        "decisions_flipped": 0.0175,
        "baseline_is_prior": False,
        "baseline_problem": "",
    }
    measured = view["metrics"]
    view["summary"]["metrics"] = {
        "candidate": measured["candidate"]["overall"],
        "baseline": measured["baseline"]["overall"],
        "prior": prior,
        "slices": measured["candidate"]["slices"],
    }
    history = _history(rng)
    best = min(history, key=lambda entry: entry["validation_loss"])
    view["training"] = {
        "batch_size": 512,
        "best_validation_loss": best["validation_loss"],
        "calibration": {"scale": 0.983, "shift": 0.0121},
        "examples_per_second": 31140.0,
        "exported_step": best["step"],
        "feature_spec": {},
        "history": history,
        "label_statistics": {
            "class_weight_sums": [192583.0, 51812.0],
            "mean": 0.212,
            "rows": TRAIN_ROWS,
            "variance": 0.167,
            "weight_sum": float(TRAIN_ROWS),
        },
        "model_digest": view["gate"]["model_digest"],
        "optimizer_state": {
            "parts": {
                "ftrl": {"optimizer": "FTRL", "parameters": 48226, "numbers": 96452, "bytes": 385808},
                "sm3": {"optimizer": "SM3", "parameters": 100000, "numbers": 2000, "bytes": 8000},
            },
            "others": {"Adam": 1185808, "AdaGrad": 592904},
        },
        "parameters": 148226,
        "recorded_requests": 1000,
        "seconds": 92.1,
        "steps": 5520,
        "steps_planned": 9540,
        "steps_per_epoch": 477,
        "stopped_early": True,
        "tensorflow": "2.21.0",
        "train_rows": TRAIN_ROWS,
        "validation_rows": 27153,
        "warm_start": None,
    }
    view["calibration"] = {"candidate": _bins(rng, 0.01), "baseline": _bins(rng, -0.08)}
    return view


def refused() -> View:
    """The same run, refused by the gate on one slice."""
    view = pushed()
    rule = "auc >= 0.6 in every slice of carrier"
    failed = {"rule": rule, "slice": "carrier=HA", "value": 0.5714, "limit": 0.6, "verdict": "fail"}
    reason = "0.5714 >= 0.6 does not hold"
    view["gate"]["verdicts"].append({**failed, "reason": reason})
    view["gate"].update(blessed=False, reasons=[f"{rule} (carrier=HA): {reason}"])
    summary = view["summary"]
    summary.update(status="not_blessed", pushed_version=None)
    summary["push"].update(pushed=False, created=False, version=None, reason="not blessed")
    summary["next_command"] = f"tandem gate explain {summary['run_id']} --root .tandem"
    return view


def failed() -> View:
    """A run that stopped at the data check: nothing was trained."""
    view = pushed()
    summary = view["summary"]
    description = "Examples contain values missing from the schema: XX (~19%)."
    anomaly = {
        "column": "carrier",
        "split": "train",
        "severity": "error",
        "short": "Unexpected string values",
    }
    view["data"]["anomalies"].append({**anomaly, "description": description, "stops": True})
    command = f"tandem resume {summary['run_id']} --root .tandem"
    error = {
        "code": "DATA-001",
        "step": "check",
        "message": f"Expected data that is fit to train on. Received: column 'carrier': {description}",
        "hint": "Correct the data, or look at `tandem schema diff CONFIG` and accept it.",
        "command": command,
        "log": "logs/check.log",
    }
    summary.update(status="failed", pushed_version=None, gate=[], seconds=20.4, error=error)
    summary.update(model_digest=None, next_command=command)
    summary["metrics"] = {"candidate": {}, "baseline": {}, "prior": {}, "slices": []}
    del summary["push"]
    summary["steps"] = summary["steps"][:5]
    summary["steps"][-1]["state"] = "failed"
    view.update(dict.fromkeys(("training", "metrics", "calibration", "gate", "dry_run")))
    view["lineage"].update(digest=None, baseline_digest=None, artifacts=view["lineage"]["artifacts"][:3])
    view["sizes"].update(model_bytes=None, transformed_examples_bytes=None)
    return view


def regression() -> View:
    """A regression with no blessed model yet, so the baseline is the prior."""
    view = pushed()
    view["summary"]["task"] = "regression"
    measured = {"rmse": 18.4, "mae": 11.2, "bias_ratio": -0.02, "example_count": 55798}
    slices = [{"slice": {"origin": "EWR"}, "count": 20153, "metrics": {"rmse": 19.1, "mae": 12.0}}]
    constant = {"rmse": 24.0, "mae": 15.1, "bias_ratio": 0.0, "example_count": 55798}
    view["metrics"] = {
        "candidate": {"overall": measured, "confidence": {}, "slices": slices},
        "baseline": {"overall": constant, "confidence": {}, "slices": []},
        "prior": constant,
        "churn": 9.7,
        "decisions_flipped": None,
        "baseline_is_prior": True,
        "baseline_problem": "",
    }
    view["gate"]["baseline"] = {
        "is_prior": True,
        "version": 0,
        "model_digest": "",
        "unreadable": "",
        "incomparable": "",
    }
    view["lineage"]["baseline_digest"] = None
    means = [(-8.0, -7.1), (0.5, 0.9), (12.0, 11.4), (60.0, 71.0)]
    bins = [
        {"lower": x - 4, "upper": x + 4, "count": 100, "mean_prediction": x, "mean_label": y}
        for x, y in means
    ]
    widths = [{"lower": 2.0 * index - 12, "upper": 2.0 * index - 10, "count": 10} for index in range(40)]
    view["calibration"] = {"candidate": {"equal_weight": bins, "equal_width": widths}}
    return view


def wide() -> View:
    """300 columns and 500 slices."""
    view = pushed()
    columns = view["data"]["columns"]
    view["data"]["columns"] = [{**columns[index % 12], "name": f"column_{index:03d}"} for index in range(300)]
    drift = view["data"]["drift"]
    view["data"]["drift"] = [{**drift[index % 8], "column": f"column_{index:03d}"} for index in range(300)]
    for model in ("candidate", "baseline"):
        whole = view["metrics"][model]
        whole["slices"] = [
            {**copy.deepcopy(whole["slices"][index % 19]), "slice": {"dest": f"D{index:03d}"}}
            for index in range(500)
        ]
    verdict = view["gate"]["verdicts"][3]
    view["gate"]["verdicts"] = [{**verdict, "slice": f"dest=D{index:03d}"} for index in range(500)]
    return view


KINDS: dict[str, Callable[[], View]] = {
    "pushed": pushed,
    "refused": refused,
    "failed": failed,
    "regression": regression,
    "wide": wide,
    "empty": dict,
}
