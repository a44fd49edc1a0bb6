"""Reading a config: one message with every problem, each at its place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import Config, ConfigError, Problem, load, parse

GOOD = """
name: flights
task: binary
label: {column: late, classes: [0, 1]}
data: {path: rows.csv}
features:
  carrier: {kind: categorical}
  distance: {kind: numeric}
  time: {kind: timestamp}
gate: {rules: [{metric: log_loss, better_than: prior}]}
"""


def problems(text: str, *overrides: str) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as caught:
        parse(text, overrides)
    assert caught.value.exit_status == 2
    assert caught.value.code == "CONFIG-004"
    return {re.split(r"[ :]", problem.text())[0]: problem for problem in caught.value.problems}


def changed(*overrides: str) -> dict[str, Problem]:
    return problems(GOOD, *overrides)


def test_reads_a_file_and_fills_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    config = load(path)
    assert config.label.classes == ["0", "1"]
    assert config.train.batch_size == 512
    assert config.features["time"].kind == "timestamp"


def test_every_problem_is_in_one_message_with_path_value_range_line_and_nearest_key() -> None:
    text = """\
name: Flights
task: binry
label: {column: late}
data:
  path: rows.csv
  kep: [origin]
  split: {eval_fraction: 1.5}
features:
  a: {kind: categoricl}
  b: {}
  d: {kind: numeric, buckts: 3, buckets: -1}
crosses:
  - columns: [a, dd]
batch_size: 3
gate: {rules: []}
"""
    found = problems(text)
    assert set(found) == {
        "name", "task", "data.kep", "data.split.eval_fraction", "features.a.kind", "features.b.kind",
        "features.d.buckts", "features.d.buckets", "crosses.0.columns.1", "batch_size", "gate.rules",
    }  # fmt: skip
    assert found["task"].nearest == "binary"
    assert found["data.kep"].nearest == "data.keep"
    assert found["batch_size"].nearest == "train.batch_size"
    assert found["crosses.0.columns.1"].nearest == "d"
    assert found["features.d.buckts"].nearest == "features.d.buckets"
    assert found["data.split.eval_fraction"].line == 7
    assert found["data.split.eval_fraction"].text() == (
        "data.split.eval_fraction (line 7): expected number >= 0 and < 1. Received: 1.5."
    )
    assert "required" in found["features.b.kind"].message


def test_a_condition_on_a_wrong_value_is_not_reported_twice() -> None:
    found = changed("task=nonsense", "label.classes=[a]")
    assert set(found) == {"task"}


def test_keys_given_twice_are_refused_together_with_other_problems() -> None:
    found = problems(GOOD + "\ntrain: {epochs: 0}\ntrain: {epochs: -1}\n")
    assert "given twice, first on line 12" in found["train"].message
    assert found["train.epochs"].received == "-1"


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("train.epochs=3", 3.0),
        ("train.epochs=1e-2", 0.01),
        ("model.deep.hidden=[256, 128]", [256, 128]),
        ("features.new={kind: timestamp, parts: [month]}", ["month"]),
        ('features."a.b"={kind: categorical, min_count: 2}', 2),
        ("gate.rules.0.by_at_least=0.5", 0.5),
        ("gate.rules.1={metric: auc, min: 0.6}", "auc"),
        ("data.path=", None),
        ("label.classes=[no, yes]", ["no", "yes"]),
        ("data.null_values=[0, '']", ["0", ""]),
    ],
)
def test_overrides_are_yaml_values_at_dotted_paths(assignment: str, value: object) -> None:
    extra = ["data.prepare=make.py:rows"] if assignment == "data.path=" else []
    values = parse(GOOD, [assignment, *extra]).model_dump(mode="json")
    reached = {
        "train.epochs": lambda: values["train"]["epochs"],
        "model.deep.hidden": lambda: values["model"]["deep"]["hidden"],
        "features.new": lambda: values["features"]["new"]["parts"],
        'features."a.b"': lambda: values["features"]["a.b"]["min_count"],
        "gate.rules.0.by_at_least": lambda: values["gate"]["rules"][0]["by_at_least"],
        "gate.rules.1": lambda: values["gate"]["rules"][1]["metric"],
        "data.path": lambda: values["data"]["path"],
        "label.classes": lambda: values["label"]["classes"],
        "data.null_values": lambda: values["data"]["null_values"],
    }
    assert reached[assignment.partition("=")[0]]() == value


@pytest.mark.parametrize(
    "assignment",
    ["epochs", "=3", "train..epochs=3", "train.epochs=[1", 'features."a=3', "name.x=1",
     "gate.rules.7.min=1", "gate.rules.x.min=1", "train={a: 1, a: 2}"],
)  # fmt: skip
def test_a_bad_override_is_refused_by_name(assignment: str) -> None:
    with pytest.raises(ConfigError, match="CONFIG-003") as caught:
        parse(GOOD, [assignment])
    assert assignment in caught.value.message


def test_a_problem_of_an_override_names_the_override() -> None:
    found = changed("train.epochs=true")
    assert (
        found["train.epochs"].text().startswith("train.epochs (--set train.epochs=true): expected number > 0")
    )


def test_a_problem_inside_an_override_names_it_and_not_a_line_of_the_file() -> None:
    (problem,) = changed("label={column: late, classes: [a, a]}").values()
    assert problem.text().startswith("label.classes.1 (--set label=")


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("label.classes=[a]", "label.classes"),
        ("label.classes=[a, b, c]", "label.classes"),
        ("label.classes=[a, a]", "label.classes.1"),
        ("task=regression", "label.classes"),
        ("task=multiclass", "label.classes"),
        ("label.column=carrier", "features.carrier"),
        ("data.weight_column=distance", "features.distance"),
        ("data.weight_column=late", "data.weight_column"),
        ("data.keep=[late]", "data.keep.0"),
        ("data.keep=[carrier]", "data.keep.0"),
        ("data.keep=[x, x]", "data.keep.1"),
        ("data.path=null", "data"),
        ("data.prepare=make.py:rows", "data.prepare"),
        ("data.split.by=time", "data.time_column"),
        ("data.split.by=files", "data.split.train_files"),
        ("data.split.train_files=a.csv", "data.split.train_files"),
        ("data.split.eval_from=2013-10-01", "data.split.eval_from"),
        ("data.split.eval_fraction=0", "data.split.eval_fraction"),
        ("data.window=3", "data.window"),
        ("data.span=3", "data.span"),
        ("data.path='rows-{VERSION}.csv'", "data.path"),
        ("data.path='rows-{YYYY}-{MM}.csv'", "data.path"),
        ("data.path='rows-{SPAM}.csv'", "data.path"),
        ("crosses=[{columns: [carrier, origin]}]", "crosses.0.columns.1"),
        ("crosses=[{columns: [carrier, time]}]", "crosses.0.columns.1"),
        ("crosses=[{columns: [carrier, time.month]}]", "crosses.0.columns.1"),
        ("crosses=[{columns: [carrier, carrier]}]", "crosses.0.columns.1"),
        ("crosses=[{columns: [carrier, distance]}, {columns: [distance, carrier]}]", "crosses.1.columns"),
        ("evaluate.slices=[[origin]]", "evaluate.slices.0.0"),
        ("evaluate.slices=[[]]", "evaluate.slices.0"),
        ("gate.rules=[]", "gate.rules"),
        ("gate.rules=[{metric: auc}]", "gate.rules.0"),
        ("gate.rules=[{metric: rmse, max: 1}]", "gate.rules.0.metric"),
        ("gate.rules=[{metric: auc, min: 1, max: 0}]", "gate.rules.0.min"),
        ("gate.rules=[{metric: auc, min: 1, slices: [carrier]}]", "gate.rules.0.slices"),
        ("gate.rules=[{metric: auc, min: 1, by_at_least: 1}]", "gate.rules.0.by_at_least"),
        ("gate.rules=[{metric: calibration, better_than: prior}]", "gate.rules.0.better_than"),
        ("gate.rules=[{metric: latency_p99_ms, better_than: baseline}]", "gate.rules.0.better_than"),
        ("gate.rules=[{metric: auc, min: .inf}]", "gate.rules.0.min"),
        ("gate.rules=[{metric: decisions_flipped, better_than: baseline}]", "gate.rules.0.better_than"),
        ("gate.rules=[{metric: decisions_flipped, max: 0, slices: [carrier]}]", "gate.rules.0.slices"),
        ("train.class_weights={2: 1}", "train.class_weights.2"),
        ("features.distance.buckets=x", "features.distance.buckets"),
        ("model.deep.hidden=[0]", "model.deep.hidden.0"),
        ("model={wide: {enabled: false}, deep: {enabled: false}}", "model.deep.enabled"),
        ('features."time.hour"={kind: categorical}', 'features."time.hour"'),
        ('features."distance.missing"={kind: numeric}', 'features."distance.missing"'),
        ('features."distance.bucket"={kind: categorical}', 'features."distance.bucket"'),
        (
            "crosses=[{columns: [carrier, distance]}]|features.carrier_x_distance={kind: categorical}",
            "crosses.0.columns",
        ),
        ('features=""', "features"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_at_their_path(assignment: str, path: str) -> None:
    assert path in changed(*assignment.split("|"))


@pytest.mark.parametrize(
    "text", ["../make.py:rows", "/make.py:rows", "a/../../make.py:rows", "make.py", "make:rows", "make.py:1"]
)
def test_a_prepare_step_lies_beside_the_config(text: str) -> None:
    assert "data.prepare" in changed("data.path=", f"data.prepare='{text}'")


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.split={by: time}", "data.time_column=when"],
        ["data.path=", "data.split={by: files, train_files: a.csv, eval_files: b.csv}"],
        ["data.path='../rows/{SPAN}/*.csv'", "data.window=3"],
        ["data.path='rows-{YYYY}-{MM}-{DD}.csv'", "data.span=3"],
        ["crosses=[{columns: [carrier, time.hour]}]"],
        ["evaluate.slices=[[carrier], [origin]]", "data.keep=[origin]",
         "gate.rules.1={metric: auc, min: 0.5, slices: [origin]}"],
        ["task=multiclass", "label.classes=[a, b, c]"],
        ["task=regression", "label.classes=[]", "gate.rules=[{metric: rmse, max: 2}]"],
        ["gate.rules=[{metric: latency_p99_ms, max: 20}, {metric: churn, max: 0.1}]"],
        ["gate.rules=[{metric: decisions_flipped, max: 0.02}]"],
        ["train.class_weights={0: 1, 1: 3}"],
        ["train.class_weights=balanced"],
    ],
)  # fmt: skip
def test_settings_that_belong_together_are_accepted(overrides: list[str]) -> None:
    assert isinstance(parse(GOOD, overrides), Config)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a: [1", "CONFIG-002"),
        (b"- 1", "CONFIG-002"),
        (b"a: &x [*x]", "CONFIG-002"),
        (b"a: !!python/object:os.system x", "CONFIG-002"),
        (b"? [1, 2]\n: 3", "CONFIG-002"),
        (b"a: \x00", "CONFIG-002"),
        (b"[" * 600, "CONFIG-002"),
        (
            b"a: &a [x,x]\n"
            + b"".join(b"%c: &%c [%s]\n" % (i, i, b",".join([b"*%c" % (i - 1)] * 99)) for i in b"bcdef"),
            "CONFIG-002",
        ),
        (b"name: \xff\xfe", "CONFIG-001"),
        (b"", "CONFIG-004"),
    ],
)
def test_a_file_that_is_no_config_is_a_config_error(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (caught.value.code, caught.value.exit_status) == (code, 2)


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CONFIG-001"):
        load(tmp_path / "none.yaml")


def test_a_config_made_in_code_is_checked_too() -> None:
    values = parse(GOOD).model_dump(mode="json")
    values["crosses"] = [{"columns": ["carrier", "nothing"]}]
    with pytest.raises(ValueError, match=r"crosses\.0\.columns\.1"):
        Config.model_validate(values)


def test_anchors_and_merges_work() -> None:
    text = GOOD.replace("{kind: categorical}", "&c {kind: categorical, min_count: 7}") + "\n"
    text = text.replace("gate:", "  dest: {<<: *c, min_count: 3}\n  origin: {<<: *c}\ngate:")
    features = parse(text).model_dump()["features"]
    assert (features["dest"]["min_count"], features["origin"]["min_count"]) == (3, 7)


def test_loading_is_quick_and_needs_no_heavy_package(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD.replace("binary", "binry"))
    code = (
        "import sys, pipeline.config\n"
        "assert not {'pydantic', 'yaml'} & set(sys.modules)\n"
        "from pipeline.config import load, ConfigError\n"
        "import pipeline.plan, pipeline.init\n"
        f"try: load({str(path)!r})\n"
        "except ConfigError as error: assert 'binry' in error.message\n"
        "heavy = {'tensorflow', 'tfx', 'pyarrow', 'numpy', 'pandas', 'apache_beam', 'keras'}\n"
        "assert not heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_metric_names_are_those_of_the_evaluation_and_the_gate() -> None:
    from components.evaluate.statistics import NAMES
    from components.gate.rules import METRICS
    from pipeline.config.checks.gate import (
        COMPARABLE,
        FLIPPED,
        QUANTISATION,
        RATIOS,
        RUN_METRICS,
        metric_names,
    )

    for task, names in NAMES.items():
        of_export = {*RUN_METRICS, FLIPPED, *RATIOS, *QUANTISATION.get(task, ())}
        assert set(metric_names(task)) - of_export == set(names)
        assert set(metric_names(task)) <= {*METRICS}
        assert set(COMPARABLE[task]) == {name for name in names if METRICS[name] is not None}
    assert set(RUN_METRICS) <= set(METRICS)
