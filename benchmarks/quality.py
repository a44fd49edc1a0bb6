"""Quality of the flights model beside its peers, on the very same rows and columns.

    python -m benchmarks.quality [CONFIG] [--root DIR] [--seeds 1,2,3] [--set KEY=VALUE] [--peers-only]

One table: the train rate, scikit-learn's logistic regression on one-hot values, quantile buckets and
hashed crosses as the config names them, LightGBM on the columns as they are, and the model of the
pipeline, from complete runs. All learn from every row before `data.split.eval_from` (the pipeline keeps
its validation days out) and are judged on every row after it. The first three train on one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks import machine
from benchmarks.record import Figure
from pipeline.config import load
from pipeline.config.model import CategoricalFeature, Config, NumericFeature

HERE = Path(__file__).resolve().parent
FLIGHTS = HERE.parent / "examples" / "flights" / "config.yaml"
TIE = 0.003
"""Differences of AUC below this are within the spread between seeds."""
NOISE = 0.005
"""Relative change of a metric that means nothing."""

HEADINGS = [("AUC", 7), ("log loss", 9), ("calibration", 12), ("seconds", 8)]
HEADINGS += [("AUC", 10), ("log loss", 9), ("AUC", 10), ("log loss", 8)]

Ids = np.ndarray[Any, np.dtype[np.int64]]


def prepared(config: Config, folder: Path) -> pd.DataFrame:
    """The labelled rows that the config's prepare step writes."""
    file, function = str(config.data.prepare).split(":")
    spec = importlib.util.spec_from_file_location("prepared_rows", folder / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory() as output:
        getattr(module, function)(Path(output))
        rows = pd.concat([pd.read_parquet(file) for file in sorted(Path(output).iterdir())])
    return rows[rows[config.label.column].notna()].reset_index(drop=True)


def tokens(config: Config, rows: pd.DataFrame, train: np.ndarray) -> Iterator[tuple[str, Ids, int]]:
    """Ids of each feature, learned on the train rows: its frequent enough values, or its quantile buckets."""
    for name, feature in config.features.items():
        column = rows[name]
        if isinstance(feature, CategoricalFeature):
            codes, _ = pd.factorize(column)
            counts = np.bincount(codes[train] + 1, minlength=codes.max() + 2)
            counts[0] = 0
            kept = np.flatnonzero(counts >= feature.min_count)
            ids = np.ones(len(counts), np.int64)
            ids[0] = 0
            ids[kept] = np.arange(2, 2 + len(kept))
            yield name, ids[codes + 1], 2 + len(kept)
        elif isinstance(feature, NumericFeature):
            values = column.to_numpy(np.float64)
            known = values[train][~np.isnan(values[train])]
            edges = np.unique(np.quantile(known, np.arange(1, feature.buckets) / feature.buckets))
            found = 1 + np.searchsorted(edges, values, side="right")
            yield name, np.where(np.isnan(values), 0, found), len(edges) + 2


def crossed(config: Config, ids: dict[str, Ids]) -> Iterator[tuple[Ids, int]]:
    """Hash buckets of the config's crosses."""
    for cross in config.crosses:
        pairs = pd.DataFrame({column: ids[column] for column in cross.columns})
        hashes = pd.util.hash_pandas_object(pairs, index=False).to_numpy()
        yield (hashes % np.uint64(cross.hash_buckets)).astype(np.int64), cross.hash_buckets


def logistic_regression(config: Config, rows: pd.DataFrame, labels: Ids, train: np.ndarray) -> np.ndarray:
    """Predictions for the rows that are not train rows."""
    named = list(tokens(config, rows, train))
    columns = [(ids, size) for _, ids, size in named]
    columns += crossed(config, {name: ids for name, ids, _ in named})
    offsets = np.cumsum([0] + [size for _, size in columns])
    indices = np.column_stack([ids + offset for (ids, _), offset in zip(columns, offsets, strict=False)])
    ones = np.ones(indices.size, np.float32)
    starts = np.arange(0, indices.size + 1, indices.shape[1])
    matrix = scipy.sparse.csr_matrix((ones, indices.ravel(), starts), shape=(len(rows), offsets[-1]))
    model = LogisticRegression(C=0.01, max_iter=200).fit(matrix[train], labels[train])
    return model.predict_proba(matrix[~train])[:, 1]


def gradient_boosting(config: Config, rows: pd.DataFrame, labels: Ids, train: np.ndarray) -> np.ndarray:
    """Predictions for the rows that are not train rows."""
    categorical = [n for n, f in config.features.items() if isinstance(f, CategoricalFeature)]
    features = rows[list(config.features)].copy()
    for name in categorical:
        features[name] = pd.factorize(features[name])[0]
    data = lightgbm.Dataset(features[train], labels[train], categorical_feature=categorical)
    settings = {"objective": "binary", "num_leaves": 63, "learning_rate": 0.05, "verbose": -1}
    settings |= {"num_threads": 1, "seed": 1}
    return np.asarray(lightgbm.train(settings, data, 69).predict(features[~train]))


def pipeline_run(config: Path, root: Path, seed: int, overrides: list[str]) -> dict[str, float]:
    """Metrics of the candidate of a complete run, and the seconds of its train step."""
    tandem = str(Path(sys.executable).with_name("tandem"))
    command = [tandem, "run", str(config), "--root", str(root), "--json"]
    for override in [f"train.seed={seed}", *overrides]:
        command += ["--set", override]
    # A model that the gate refuses is measured all the same; only a failed run has no metrics.
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    summary = json.loads(done.stdout)
    candidate = (summary.get("metrics") or {}).get("candidate")
    if not candidate:
        raise SystemExit(f"the run of seed {seed} has no metrics: {summary.get('error')}")
    (seconds,) = (step["seconds"] for step in summary["steps"] if step["name"] == "train")
    return {**{name: candidate[name] for name in ("auc", "log_loss", "calibration")}, "seconds": seconds}


def measured(labels: Ids, predictions: np.ndarray, seconds: float) -> dict[str, float]:
    return {
        "auc": float(roc_auc_score(labels, predictions)),
        "log_loss": float(log_loss(labels, predictions)),
        "calibration": float(predictions.mean() / labels.mean()),
        "seconds": seconds,
    }


def line(name: str, runs: list[dict[str, float]], best: dict[str, float] | None) -> str:
    means = {key: statistics.fmean(run[key] for run in runs) for key in runs[0]}
    spread = {key: max(r[key] for r in runs) - min(r[key] for r in runs) for key in runs[0]}
    text = f"{name:22} {means['auc']:7.4f} {means['log_loss']:9.4f}"
    text += f" {means['calibration']:12.3f} {means['seconds']:8.1f}"
    if best:
        text += f" {means['auc'] - best['auc']:+10.4f} {means['log_loss'] - best['log_loss']:+9.4f}"
    if len(runs) > 1:
        text += f" {spread['auc']:10.4f} {spread['log_loss']:8.4f}"
    return text


def figures(ours: list[dict[str, float]], best: dict[str, float]) -> list[Figure]:
    """The means of our runs, and how far they are from the better peer."""
    auc, log_loss_ = (statistics.fmean(run[name] for run in ours) for name in ("auc", "log_loss"))
    return [
        Figure("AUC", auc, "", "higher", noise=NOISE),
        Figure("log loss", log_loss_, "", noise=NOISE),
        Figure("AUC to the better peer's", auc / best["auc"], "times", "higher", noise=NOISE),
        Figure("log loss to the better peer's", log_loss_ / best["log_loss"], "times", noise=NOISE),
    ]


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; what the pipeline's model is worth."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path, default=FLIGHTS)
    parser.add_argument("--root", type=Path, help="where the runs are kept; a temporary place by default")
    parser.add_argument("--seeds", default="1,2,3", help="seeds of the pipeline's runs")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a field in the pipeline's runs",
    )
    parser.add_argument("--peers-only", action="store_true", help="leave the pipeline out")
    given = parser.parse_args(arguments)

    print(machine.line())
    config = load(given.config, [])
    rows = prepared(config, given.config.resolve().parent)
    labels = rows[config.label.column].astype(np.int64).to_numpy()
    train = (rows[config.data.time_column] < pd.Timestamp(config.data.split.eval_from)).to_numpy()
    digest = hashlib.sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest()
    print(
        f"rows: {train.sum():,} train, {(~train).sum():,} test; {len(config.features)} columns, "
        f"{len(config.crosses)} crosses; data {digest[:12]}"
    )
    print(f"{'':22} {'':7} {'':9} {'':12} {'':8} {'to the better peer':>20} {'spread of seeds':>19}")
    numbers = "".join(f" {name:>{width}}" for name, width in HEADINGS)
    print(f"{'':22}{numbers}")

    constant = np.full((~train).sum(), labels[train].mean())
    print(line("train rate", [measured(labels[~train], constant, 0.0)], None), flush=True)
    peers: dict[str, Callable[..., np.ndarray]] = {
        "logistic regression": logistic_regression,
        "LightGBM": gradient_boosting,
    }
    results = []
    for name, peer in peers.items():
        started = time.perf_counter()
        with threadpool_limits(1):
            predictions = peer(config, rows, labels, train)
        results.append(measured(labels[~train], predictions, time.perf_counter() - started))
        print(line(name, results[-1:], None), flush=True)
    if given.peers_only:
        return []
    best = {"auc": max(r["auc"] for r in results), "log_loss": min(r["log_loss"] for r in results)}
    with tempfile.TemporaryDirectory() as scratch:
        root = given.root or Path(scratch)
        runs = [pipeline_run(given.config, root, int(seed), given.set) for seed in given.seeds.split(",")]
    print(line(f"Wide & Deep, {len(runs)} seeds", runs, best))
    print(f"Differences of AUC below {TIE} are ties.")
    return figures(runs, best)


if __name__ == "__main__":
    main()
