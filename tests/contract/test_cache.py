"""A change of a config field or an input byte runs exactly the steps again that it affects."""

from __future__ import annotations

import functools
import os
import shutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip
import pytest
from pydantic import BaseModel

from pipeline.config import Config, parse
from pipeline.config.model import Section
from pipeline.fingerprint import SOURCES
from pipeline.graph import build
from pipeline.root import Root
from tests.contract import group_fields
from tests.contract.sequence_fields import FIELDS as SEQUENCES
from tests.contract.sequence_fields import TEXT as PAIRS

ALL = frozenset(SOURCES)

TEXT = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: data.csv}
features:
  size: {kind: numeric}
  colour: {kind: categorical}
  time: {kind: timestamp}
crosses: [{columns: [colour, time.hour]}]
evaluate: {slices: [[colour]]}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""

# Which steps have a changed key of their own; what reads their outputs runs again as well. A push is keyed
# by the whole config, so it is left out here: it always runs again, and finds its version or pushes.
INGEST = frozenset({"ingest", "check"})
SCHEMA = frozenset({"ingest", "schema", "check"})
PLAN = frozenset({"transform", "train"})
TRAIN, GATE, NOTHING = frozenset({"train"}), frozenset({"gate"}), frozenset[str]()
KIND = SCHEMA | PLAN
TIME = ("data.time_column=time",)
FILES = ("data.path=null", "data.split={by: files, train_files: data.csv, eval_files: same.csv}")
PREPARE = ("data.path=null", "data.prepare='make.py:rows'")

# field: (steps, what is changed, what both sides of the comparison have set beforehand)
FIELDS: dict[str, tuple[frozenset[str], str, tuple[str, ...]]] = {
    "Config.name": (frozenset({"schema", "check", "train", "baseline", "push"}), "name=other", ()),
    "Config.task": (
        KIND | {"score", "evaluate"}, "task=regression label.classes=[]",
        ("gate.rules=[{metric: example_count, min: 1}]",),
    ),
    "Label.column": (KIND | {"score", "evaluate"}, "label.column=other", ()),
    "Label.classes": (INGEST | PLAN, "label.classes=['yes', 'no']", ()),
    "Label.missing": (INGEST, "label.missing=error", ()),
    "Data.path": (INGEST, "data.path=same.csv", ()),
    "Data.prepare": (INGEST, "data.prepare='make.py:others'", PREPARE),
    "Data.format": (INGEST, "data.format=csv", ()),
    "Data.delimiter": (INGEST | TRAIN, "data.delimiter=;", ()),
    "Data.null_values": (INGEST | TRAIN, "data.null_values=['?']", ()),
    "Data.span": (INGEST, "data.span=1", ("data.path='span-{SPAN}/data.csv'",)),
    "Data.window": (INGEST, "data.window=2", ("data.path='span-{SPAN}/data.csv'",)),
    "Data.time_column": (INGEST, "data.time_column=time", ()),
    "Data.keep": (SCHEMA, "data.keep=[more]", ()),
    "Data.weight_column": (SCHEMA | PLAN | {"score", "evaluate"}, "data.weight_column=weight", ()),
    "Data.max_bad_row_fraction": (INGEST, "data.max_bad_row_fraction=0.5", ()),
    "Data.limit": (INGEST, "data.limit=10", ()),
    "Data.compression": (INGEST, "data.compression=gzip", ()),
    "Split.by": (INGEST, "data.split.by=time", TIME),
    "Split.key": (INGEST, "data.split.key=[colour]", ()),
    "Split.eval_fraction": (INGEST, "data.split.eval_fraction=0.3", ()),
    "Split.validation_fraction": (INGEST, "data.split.validation_fraction=0.3", ()),
    "Split.eval_from": (INGEST, "data.split.eval_from='2024-06-01'", (*TIME, "data.split.by=time")),
    "Split.validation_from": (
        INGEST, "data.split.validation_from='2024-05-01'",
        (*TIME, "data.split={by: time, eval_from: '2024-06-01'}"),
    ),
    "Split.train_files": (INGEST, "data.split.train_files=third.csv", FILES),
    "Split.validation_files": (INGEST, "data.split.validation_files=third.csv", FILES),
    "Split.eval_files": (INGEST, "data.split.eval_files=third.csv", FILES),
    "CategoricalFeature.kind": (KIND, "features.colour={kind: numeric}", ("crosses=[]",)),
    "CategoricalFeature.encode": (PLAN, "features.colour.encode=hash", ()),
    "CategoricalFeature.min_count": (PLAN, "features.colour.min_count=2", ()),
    "CategoricalFeature.max_size": (PLAN, "features.colour.max_size=2", ()),
    "CategoricalFeature.oov_buckets": (PLAN, "features.colour.oov_buckets=2", ()),
    "CategoricalFeature.hash_buckets": (
        PLAN, "features.colour.hash_buckets=9", ("features.colour.encode=hash",),
    ),
    "CategoricalFeature.embedding_dim": (PLAN, "features.colour.embedding_dim=3", ()),
    "CategoricalFeature.wide": (PLAN, "features.colour.wide=false", ()),
    "CategoricalFeature.deep": (PLAN, "features.colour.deep=false", ()),
    "NumericFeature.kind": (KIND, "features.size={kind: categorical}", ()),
    "NumericFeature.scale": (PLAN, "features.size.scale=zscore", ()),
    "NumericFeature.quantiles": (PLAN, "features.size.quantiles=9", ()),
    "NumericFeature.buckets": (PLAN, "features.size.buckets=9", ()),
    "NumericFeature.missing_indicator": (PLAN, "features.size.missing_indicator=false", ()),
    "NumericFeature.embedding_dim": (PLAN, "features.size.embedding_dim=3", ()),
    "NumericFeature.wide": (PLAN, "features.size.wide=false", ()),
    "NumericFeature.deep": (PLAN, "features.size.deep=false", ()),
    "TimestampFeature.kind": (KIND, "features.time={kind: categorical}", ("crosses=[]",)),
    "TimestampFeature.parts": (PLAN, "features.time.parts=[hour]", ()),
    "TimestampFeature.embedding_dim": (PLAN, "features.time.embedding_dim=3", ()),
    "TimestampFeature.wide": (PLAN, "features.time.wide=false", ()),
    "TimestampFeature.deep": (PLAN, "features.time.deep=false", ()),
    "Cross.columns": (PLAN, "crosses.0.columns=[colour, size]", ()),
    "Cross.hash_buckets": (PLAN, "crosses.0.hash_buckets=9", ()),
    "Cross.embedding_dim": (PLAN, "crosses.0.embedding_dim=3", ()),
    "Wide.enabled": (PLAN, "model.wide.enabled=false", ("crosses=[]",)),
    "Wide.learning_rate": (TRAIN, "model.wide.learning_rate=0.3", ()),
    "Wide.l1": (TRAIN, "model.wide.l1=0.3", ()),
    "Wide.l2": (TRAIN, "model.wide.l2=0.3", ()),
    "Wide.initial_accumulator": (TRAIN, "model.wide.initial_accumulator=0.3", ()),
    "Deep.enabled": (PLAN, "model.deep.enabled=false", ()),
    "Deep.hidden": (TRAIN, "model.deep.hidden=[3]", ()),
    "Deep.optimizer": (TRAIN, "model.deep.optimizer=sm3", ()),
    "Deep.warm_up": (TRAIN, "model.deep.warm_up=0.3", ()),
    "Deep.momentum": (TRAIN, "model.deep.momentum=0.3", ()),
    "Deep.weight_decay": (TRAIN, "model.deep.weight_decay=0.3", ()),
    "Deep.learning_rate": (TRAIN, "model.deep.learning_rate=0.3", ()),
    "Deep.initial_accumulator": (TRAIN, "model.deep.initial_accumulator=0.3", ()),
    "Deep.dropout": (TRAIN, "model.deep.dropout=0.3", ()),
    "Deep.embedding_dropout": (TRAIN, "model.deep.embedding_dropout=0.3", ()),
    "Deep.embedding_l2": (TRAIN, "model.deep.embedding_l2=0.3", ()),
    "Deep.l2": (TRAIN, "model.deep.l2=0.3", ()),
    "Deep.max_embedding_dim": (TRAIN, "model.deep.max_embedding_dim=3", ()),
    "Linear.weight": (TRAIN, "model.linear.weight=0.3", ()),
    "Linear.learning_rate": (TRAIN, "model.linear.learning_rate=0.3", ("model.linear.weight=0.5",)),
    "Linear.l1": (TRAIN, "model.linear.l1=0.3", ("model.linear.weight=0.5",)),
    "Linear.l2": (TRAIN, "model.linear.l2=0.3", ("model.linear.weight=0.5",)),
    "Linear.initial_accumulator": (
        TRAIN, "model.linear.initial_accumulator=0.3", ("model.linear.weight=0.5",),
    ),
    "EarlyStopping.enabled": (TRAIN, "train.early_stopping.enabled=false", ()),
    "EarlyStopping.patience": (TRAIN, "train.early_stopping.patience=9", ()),
    "EarlyStopping.min_delta": (TRAIN, "train.early_stopping.min_delta=0.3", ()),
    "Train.batch_size": (TRAIN, "train.batch_size=9", ()),
    "Train.epochs": (TRAIN, "train.epochs=9", ()),
    "Train.evaluations_per_epoch": (TRAIN, "train.evaluations_per_epoch=9", ()),
    "Train.seed": (TRAIN, "train.seed=9", ()),
    "Train.learning_rate_decay": (TRAIN, "train.learning_rate_decay=linear", ()),
    "Train.weight_averaging": (TRAIN, "train.weight_averaging=0.3", ()),
    "Train.calibrate": (TRAIN, "train.calibrate=true", ()),
    "Train.loss": (TRAIN, "train.loss=bi_tempered", ()),
    "BiTempered.t1": (TRAIN, "train.bi_tempered.t1=0.3", ()),
    "BiTempered.t2": (TRAIN, "train.bi_tempered.t2=3", ()),
    "BiTempered.label_smoothing": (TRAIN, "train.bi_tempered.label_smoothing=0.3", ()),
    "BiTempered.ramp": (TRAIN, "train.bi_tempered.ramp=0.3", ()),
    "Train.class_weights": (TRAIN, "train.class_weights=balanced", ()),
    "Train.checkpoint_every_steps": (TRAIN, "train.checkpoint_every_steps=9", ()),
    "Train.warm_start": (TRAIN, "train.warm_start=keep", ()),
    "Train.device": (TRAIN, "train.device=cpu", ()),
    "Train.jit_compile": (TRAIN, "train.jit_compile=true", ()),
    "Drift.skew": (frozenset({"check"}), "check.drift.skew=0.3", ()),
    "Drift.drift": (frozenset({"check"}), "check.drift.drift=0.3", ()),
    # What the first schema is inferred with.
    "Check.min_domain_mass": (frozenset({"schema", "check"}), "check.min_domain_mass=0.3", ()),
    "Check.max_missing_increase": (frozenset({"schema", "check"}), "check.max_missing_increase=0.3", ()),
    "Check.min_rows": (frozenset({"check"}), "check.min_rows=3", ()),
    "Check.outlier_iqr": (frozenset({"check"}), "check.outlier_iqr=3", ()),
    "Check.breaks": (frozenset({"check"}), "check.breaks=false", ()),
    "Evaluate.slices": (frozenset({"score", "evaluate"}), "evaluate.slices=[[time]]", ()),
    "Evaluate.confidence_intervals": (frozenset({"evaluate"}), "evaluate.confidence_intervals=true", ()),
    "Evaluate.min_slice_size": (GATE, "evaluate.min_slice_size=3", ()),
    "Rule.metric": (GATE, "gate.rules.0.metric=auc", ()),
    "Rule.min": (GATE, "gate.rules.0.min=0.3", ("gate.rules.0.better_than=null", "gate.rules.0.max=1")),
    "Rule.max": (GATE, "gate.rules.0.max=0.3", ("gate.rules.0.better_than=null", "gate.rules.0.max=1")),
    "Rule.better_than": (GATE, "gate.rules.0.better_than=baseline", ()),
    "Rule.by_at_least": (GATE, "gate.rules.0.by_at_least=0.3", ()),
    "Rule.slices": (
        GATE, "gate.rules.0.slices=[colour]", ("gate.rules.0.better_than=null", "gate.rules.0.max=1"),
    ),
    "Push.directory": (frozenset({"baseline", "push"}), "push.directory=elsewhere", ()),
    "Push.equality_tolerance": (GATE, "push.equality_tolerance=0.3", ()),
    # The requests are recorded by the training.
    "Push.recorded_requests": (TRAIN, "push.recorded_requests=3", ()),
    # How Beam runs changes no result.
    "Beam.runner": (NOTHING, "beam.runner=DirectRunner", ()),
    "Beam.options": (NOTHING, "beam.options=[--direct_num_workers=2]", ()),
}  # fmt: skip


# How it runs on a cluster: nothing on this machine runs again for it, not even the push.
CLUSTER: dict[str, str] = group_fields.PODS | {
    "Accelerator.type": "kubeflow.defaults.accelerator={type: nvidia.com/gpu}",
    "Accelerator.count": "kubeflow.defaults.accelerator={type: nvidia.com/gpu, count: 2}",
    "Toleration.key": "kubeflow.defaults.tolerations=[{key: gpu}]",
    "Toleration.operator": "kubeflow.defaults.tolerations=[{key: gpu, operator: Equal}]",
    "Toleration.value": "kubeflow.defaults.tolerations=[{key: gpu, operator: Equal, value: x}]",
    "Toleration.effect": "kubeflow.defaults.tolerations=[{key: gpu, effect: NoSchedule}]",
    "Volume.claim": "kubeflow.volumes=[{claim: rows, path: /rows}]",
    "Volume.path": "kubeflow.volumes=[{claim: rows, path: /others}]",
    "State.claim": "kubeflow.state.claim=other",
    "State.path": "kubeflow.state.path=/other",
    "Secret.name": "kubeflow.secrets=[{name: key, path: /a}]",
    "Secret.env": "kubeflow.secrets=[{name: key, env: {KEY: key}}]",
    "Secret.path": "kubeflow.secrets=[{name: key, path: /key}]",
    "Settings.image": "kubeflow.defaults.image=image:1",
    "Settings.cpu": "kubeflow.defaults.cpu=1",
    "Settings.cpu_limit": "kubeflow.defaults.cpu_limit=2",
    "Settings.memory": "kubeflow.defaults.memory=1Gi",
    "Settings.memory_limit": "kubeflow.defaults.memory_limit=2Gi",
    "Settings.node_selector": "kubeflow.defaults.node_selector={pool: a}",
    "Settings.timeout_seconds": "kubeflow.steps.train={timeout_seconds: 60}",
    "Settings.retries": "kubeflow.steps.train={retries: 2}",
    "Settings.shared_memory": "kubeflow.steps.train={shared_memory: 1Gi}",
    "Settings.env": "kubeflow.defaults.env={A: b}",
    "Settings.labels": "kubeflow.defaults.labels={a: b}",
    "Settings.annotations": "kubeflow.defaults.annotations={a: b}",
    "Webhook.secret": "kubeflow.webhook={secret: hook}",
    "Webhook.key": "kubeflow.webhook={secret: hook, key: other}",
    "Webhook.on": "kubeflow.webhook={secret: hook, on: [failure]}",
    "Schedule.cron": "kubeflow.schedule={cron: '0 0 3 * * *'}",
    "Schedule.interval_seconds": "kubeflow.schedule={interval_seconds: 3600}",
    "Schedule.start": "kubeflow.schedule={interval_seconds: 3600, start: '2026-12-01'}",
    "Schedule.end": "kubeflow.schedule={interval_seconds: 3600, end: '2027-12-01'}",
    "Schedule.max_concurrency": "kubeflow.schedule={interval_seconds: 3600, max_concurrency: 2}",
    "Schedule.catch_up": "kubeflow.schedule={interval_seconds: 3600, catch_up: true}",
    "Schedule.enabled": "kubeflow.schedule={interval_seconds: 3600, enabled: false}",
    "Schedule.span": "kubeflow.schedule={interval_seconds: 3600, span: '7'}",
    "Schedule.grace_seconds": "kubeflow.schedule={interval_seconds: 3600, grace_seconds: 60}",
    "Kubeflow.image": "kubeflow.image=image:1",
    "Kubeflow.pipeline_root": "kubeflow.pipeline_root='gs://bucket/x'",
    "Kubeflow.namespace": "kubeflow.namespace=team",
    "Kubeflow.experiment": "kubeflow.experiment=try",
    "Kubeflow.service_account": "kubeflow.service_account=runner",
    "Kubeflow.image_pull_secrets": "kubeflow.image_pull_secrets=[registry]",
    "Kubeflow.image_pull_policy": "kubeflow.image_pull_policy=Always",
    "Kubeflow.cache": "kubeflow.cache=false",
    "Push.mirror": "push.mirror='gs://bucket/serving'",
    "KServe.name": "push.kserve={name: x}",
    "KServe.namespace": "push.kserve={namespace: x}",
    "KServe.mode": "push.kserve={mode: serverless}",
    "KServe.storage": "push.kserve={storage: volume}",
    "KServe.canary_percent": "push.kserve={canary_percent: 10, mode: serverless}",
    "KServe.min_replicas": "push.kserve={min_replicas: 2}",
    "KServe.service_account": "push.kserve={service_account: x}",
    "KServe.ready_timeout_seconds": "push.kserve={ready_timeout_seconds: 60}",
    "KServe.keep_releases": "push.kserve={keep_releases: 3}",
    "KServe.cpu": "push.kserve={cpu: '1'}",
    "KServe.memory": "push.kserve={memory: 1Gi}",
}  # fmt: skip


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Section classes anywhere in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from sections(part)


def leaves(section: type[BaseModel], above: frozenset[type] = frozenset()) -> Iterator[str]:
    """Every field below a section that holds a value itself."""
    for name, field in section.model_fields.items():
        inner = set(sections(field.annotation)) - above
        if not inner:
            yield f"{section.__name__}.{name}"
        for found in inner:
            yield from leaves(found, above | {section})


def test_the_table_has_every_field_of_the_config() -> None:
    tables = (FIELDS, CLUSTER, SEQUENCES, group_fields.FIELDS, group_fields.LAUNCH)
    assert {field for table in tables for field in table} == set(leaves(Config))
    assert sum(map(len, tables)) == len(set(leaves(Config)))
    assert len(FIELDS) > 100


def test_a_new_field_would_be_noticed() -> None:
    class Inner(Section):
        depth: int = 1

    class Outer(Section):
        inner: Inner = Inner()
        several: dict[str, list[Inner]]
        width: int | None = None

    assert set(leaves(Outer)) == {"Outer.width", "Inner.depth"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files for every way in which the table names data."""
    directory = tmp_path_factory.mktemp("place")
    text = "size,colour,time,weight,more,answer\n1,red,2024-01-01,1,a,yes\n"
    for name in ("data.csv", "same.csv", "third.csv", "span-1/data.csv", "span-2/data.csv"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    (directory / "make.py").write_text(
        "def rows(directory):\n    pass\n\n\ndef others(directory):\n    pass\n"
    )
    return directory


@functools.cache
def keys(directory: Path, *overrides: str, text: str = TEXT) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """Parameters of each step as TFX keys them, and the steps whose outputs each step reads."""
    graph = build(parse(text, list(overrides)), directory, Root(directory / ".tandem"))
    own, reads = {}, {}
    for component in graph.pipeline.components:
        flags = getattr(component.executor_spec, "extra_flags", [])
        own[component.id] = (dict(component.exec_properties), [str(flag) for flag in flags])
        reads[component.id] = {channel.producer_component_id for channel in component.inputs.values()}
    return own, reads


def rerun(steps: set[str], reads: dict[str, set[str]]) -> set[str]:
    """The steps and all that read what they write, directly or not."""
    while more := {step for step, above in reads.items() if above & steps} - steps:
        steps = steps | more
    return steps


@pytest.mark.parametrize("field", CLUSTER)
def test_a_field_of_the_cluster_changes_no_key(place: Path, field: str) -> None:
    assert parse(TEXT, [CLUSTER[field]]) != parse(TEXT)
    assert keys(place, CLUSTER[field]) == keys(place)


# Parts of `check` that no schema is inferred with.
LIMITS = {"Drift.skew", "Drift.drift", "Check.min_rows", "Check.outlier_iqr", "Check.breaks"}


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_changes_the_keys_of_exactly_the_steps_it_affects(place: Path, field: str) -> None:
    steps, change, before = FIELDS[field]
    overrides = change.split(" ") if field == "Config.task" else [change]
    (old, reads), (new, _) = keys(place, *before), keys(place, *before, *overrides)
    changed = {step for step in SOURCES if old[step] != new[step]}
    assert changed - {"push"} == steps - {"push"}
    # The whole run is another one, whatever was changed.
    assert "push" in changed
    again = rerun(changed, reads)
    if "train" in changed:
        assert again >= {"train", "baseline", "score", "evaluate", "gate", "push"}
    if "ingest" in changed:
        assert again == ALL
    if changed <= {"gate", "push"}:
        assert again == changed
    assert ("ingest" in again) == ("ingest" in changed)


@pytest.mark.parametrize("field", SEQUENCES)
def test_a_changed_field_of_sequences_changes_the_keys_of_exactly_its_steps(place: Path, field: str) -> None:
    steps, change, before = SEQUENCES[field]
    (old, _), (new, _) = (keys(place, *given, text=PAIRS) for given in (before, (*before, *change)))
    changed = {step for step in SOURCES if old[step] != new[step]}
    assert changed - {"push"} == steps
    assert "push" in changed


@pytest.mark.parametrize("change", [*group_fields.FIELDS.values(), *group_fields.LAUNCH.values()])
def test_how_a_group_is_launched_changes_no_key_and_the_rest_of_it_the_training(
    place: Path, change: str
) -> None:
    old, new = (keys(place, *group_fields.BEFORE, *given)[0] for given in ((), (change,)))
    changed = {step for step in SOURCES if old[step] != new[step]}
    assert changed == ({"train", "push"} if change in group_fields.FIELDS.values() else set())


@pytest.mark.parametrize("field", sorted(LIMITS))
def test_a_kept_schema_does_not_depend_on_limits_that_it_was_not_inferred_with(
    place: Path, tmp_path: Path, field: str
) -> None:
    from tensorflow_metadata.proto.v0 import schema_pb2

    from components.schema.core import KeptSchemas

    shutil.copytree(place, tmp_path / "copy")
    directory = tmp_path / "copy"
    origin = keys(directory)[0]["check"][0]["origin"]
    KeptSchemas(Root(directory / ".tandem").schema / "small").keep(schema_pb2.Schema(), 1, origin)
    keys.cache_clear()
    before, after = keys(directory)[0], keys(directory, FIELDS[field][1])[0]
    assert before["schema"][0]["state"] == ""
    assert after["schema"] == before["schema"]


def test_input_bytes_count_and_times_of_files_do_not(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    directory = tmp_path / "copy"
    before, _ = keys(directory)
    data = directory / "data.csv"
    os.utime(data, (1, 1))
    keys.cache_clear()
    assert keys(directory)[0] == before
    content = data.read_bytes()
    data.write_bytes(content[:-5] + b"n" + content[-4:])
    os.utime(data, (2, 2))
    assert len(data.read_bytes()) == len(content)
    keys.cache_clear()
    after, _ = keys(directory)
    assert {step for step in SOURCES if after[step] != before[step]} == {"ingest", "check", "push"}
