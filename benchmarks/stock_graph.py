"""Time of each step beside the stock TFX graph, on the same rows, in one run.

    python -m benchmarks.stock_graph [--rows N]

Both read the same two CSV files, made beforehand by the prepare step of flights: January to September and
October to December. Stock: CsvExampleGen, StatisticsGen, SchemaGen, ExampleValidator, Transform, Trainer with
a plain Keras Wide & Deep, Evaluator with the same slices, Pusher, one after the other by TFX's own local
orchestrator; vocabularies, buckets and crosses as in the config. The seconds of a stock step are those of its
execution in ML Metadata. The two run one after the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.quality import FLIGHTS, prepared
from benchmarks.record import Figure
from pipeline.config import load
from pipeline.config.model import Config

# What of ours does the work of which stock component.
WORK = {
    "CsvExampleGen": ("ingest",),
    "StatisticsGen": ("statistics",),
    "SchemaGen": ("schema",),
    "ExampleValidator": ("validator", "check"),
    "Transform": ("transform",),
    "Trainer": ("train",),
    "Evaluator": ("baseline", "score", "evaluate"),
    "Pusher": ("gate", "push"),
}
# How many times faster ours is at least.
LEAST = {"CsvExampleGen": 15.0}
LEAST_WHOLE = 2.5


def stock(directory: Path, plan: dict[str, Any]) -> None:
    """Runs the stock graph on `directory`/rows and writes `stock.json`, seconds by component."""
    from tfx import v1 as tfx  # isort: skip
    import tensorflow_model_analysis as tfma
    from ml_metadata.metadata_store import metadata_store

    splits = [tfx.proto.Input.Split(name=name, pattern=f"{name}/*.csv") for name in ("train", "eval")]
    gen = tfx.components.CsvExampleGen(str(directory / "rows"), input_config=tfx.proto.Input(splits=splits))
    statistics = tfx.components.StatisticsGen(gen.outputs["examples"])
    schema = tfx.components.SchemaGen(statistics.outputs["statistics"])
    validator = tfx.components.ExampleValidator(statistics.outputs["statistics"], schema.outputs["schema"])
    told = {"plan": json.dumps(plan)}
    transform = tfx.components.Transform(
        gen.outputs["examples"],
        schema.outputs["schema"],
        preprocessing_fn="benchmarks.stock_module.preprocessing_fn",
        custom_config=told,
    )
    trainer = tfx.components.Trainer(
        run_fn="benchmarks.stock_module.run_fn",
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
        custom_config=told,
    )
    threshold = tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.5}))
    metrics = ["BinaryCrossentropy", "AUC", "Calibration", "ExampleCount", "BinaryAccuracy"]
    evaluator = tfx.components.Evaluator(
        examples=gen.outputs["examples"],
        model=trainer.outputs["model"],
        eval_config=tfma.EvalConfig(
            model_specs=[tfma.ModelSpec(signature_name="serving_default", label_key=plan["label"])],
            slicing_specs=[tfma.SlicingSpec()]
            + [tfma.SlicingSpec(feature_keys=columns) for columns in plan["slices"]],
            metrics_specs=[
                tfma.MetricsSpec(
                    metrics=[tfma.MetricConfig(class_name=name) for name in metrics],
                    thresholds={"auc": threshold},
                )
            ],
        ),
        example_splits=["eval"],
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(directory / "served"))
        ),
    )
    store = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(directory / "metadata.sqlite"))
    runner = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="stock",
            pipeline_root=str(directory / "root"),
            components=[gen, statistics, schema, validator, transform, trainer, evaluator, pusher],
            metadata_connection_config=store,
            beam_pipeline_args=[f"--runner={runner}", "--sdk_container_image=none"],
        )
    )
    opened = metadata_store.MetadataStore(store)
    types = {kind.id: kind.name.rpartition(".")[2] for kind in opened.get_execution_types()}
    seconds = {
        types[run.type_id]: (run.last_update_time_since_epoch - run.create_time_since_epoch) / 1000
        for run in opened.get_executions()
    }
    (evaluation,) = opened.get_artifacts_by_type("ModelEvaluation")
    result = tfma.load_eval_result(evaluation.uri)
    overall = next(values for key, values in result.slicing_metrics if not key)[""][""]
    metrics_found = {name: value.get("doubleValue") for name, value in overall.items()}
    (directory / "stock.json").write_text(json.dumps({"seconds": seconds, "metrics": metrics_found}))


def write_rows(config: Config, directory: Path, most: int | None) -> int:
    """The prepared rows as `rows`/{train,eval}/rows.csv, cut where the config cuts; returns their number."""
    rows = prepared(config, FLIGHTS.parent)
    if most:
        rows = rows.iloc[:: -(-len(rows) // most)]
    rows = rows.astype({config.label.column: int})
    later = rows[config.data.time_column] >= config.data.split.eval_from
    for name, part in (("train", rows[~later]), ("eval", rows[later])):
        (directory / "rows" / name).mkdir(parents=True)
        part.to_csv(directory / "rows" / name / "rows.csv", index=False)
    return len(rows)


def timed(command: list[str]) -> tuple[str, float]:
    """Standard output of a process and its wall seconds; a refused model counts as done."""
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"exit status {done.returncode}: {' '.join(command)}")
    return done.stdout, time.perf_counter() - started


def main(arguments: list[str] | None = None) -> list[Figure]:
    """Prints the table; how many times faster ours is."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rows", type=int, help="about this many rows, evenly spaced; all by default")
    parser.add_argument("--stock", nargs=2, metavar=("DIR", "PLAN"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.stock:
        stock(Path(given.stock[0]), json.loads(given.stock[1]))
        return []
    print(machine.line())
    config = load(FLIGHTS, [])
    plan = {
        "label": config.label.column,
        "features": {name: feature.kind for name, feature in config.features.items()},
        "crosses": [cross.columns for cross in config.crosses],
        "slices": config.evaluate.slices,
        "batch_size": config.train.batch_size,
        "epochs": int(config.train.epochs),
    }
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        rows = write_rows(config, directory, given.rows)
        own = [sys.executable, "-m", "benchmarks.stock_graph", "--stock", scratch, json.dumps(plan)]
        _, stock_seconds = timed(own)
        peer = json.loads((directory / "stock.json").read_text())
        tandem = [str(Path(sys.executable).with_name("tandem")), "run", str(FLIGHTS), "--json"]
        tandem += ["--root", str(directory / "ours")]
        for override in ("data.prepare=null", f"data.path={directory / 'rows'}"):
            tandem += ["--set", override]
        output, seconds = timed(tandem)
    summary = json.loads(output)
    ours = {step["name"]: step["seconds"] for step in summary["steps"]}
    print(f"rows: {rows:,}; {len(config.features)} columns, {len(config.crosses)} crosses")
    print(f"{'stock':<18} {'seconds':>8}   {'ours':<26} {'seconds':>8} {'times faster':>13}")
    figures = [Figure("whole", stock_seconds / seconds, "times", "higher", LEAST_WHOLE)]
    for component, steps in WORK.items():
        theirs, own_seconds = peer["seconds"][component], sum(ours[step] for step in steps)
        print(
            f"{component:<18} {theirs:8.1f}   {', '.join(steps):<26} {own_seconds:8.1f} "
            f"{theirs / own_seconds:13.1f}"
        )
        # Where the stock component takes less than a second it does other work than ours, or none.
        if theirs >= 1:
            name = ", ".join(steps)
            figures.append(Figure(name, theirs / own_seconds, "times", "higher", LEAST.get(component)))
    rest = stock_seconds - sum(peer["seconds"].values()), seconds - sum(ours.values())
    print(f"{'start, end':<18} {rest[0]:8.1f}   {'start, report':<26} {rest[1]:8.1f}")
    print(f"{'whole':<18} {stock_seconds:8.1f}   {'':<26} {seconds:8.1f} {stock_seconds / seconds:13.1f}")
    candidate = summary["metrics"]["candidate"]
    print(
        f"eval AUC / log loss: stock {peer['metrics']['auc']:.4f} / "
        f"{peer['metrics']['binary_crossentropy']:.4f}, ours {candidate['auc']:.4f} / "
        f"{candidate['log_loss']:.4f}"
    )
    return [*figures, Figure("stock, whole", stock_seconds, "s"), Figure("ours, whole", seconds, "s")]


if __name__ == "__main__":
    main()
