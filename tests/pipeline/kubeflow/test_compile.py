"""The compiled file of a config: golden, the same each time, small, never refused by the strict checks."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that others import
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import Config, dump, parse
from pipeline.config.kubeflow import Step
from pipeline.kubeflow.check import check, check_documents
from pipeline.kubeflow.compiler.compile import compile_config
from pipeline.kubeflow.compiler.settings import settings_of
from pipeline.kubeflow.encoding import decode
from pipeline.kubeflow.graph import NEVER_CACHED
from trainer.errors import TandemError

HERE = Path(__file__).parent
FLIGHTS = HERE.parents[2] / "examples/flights/config.yaml"
BASE = """
name: small
task: binary
label: {column: answer, classes: ['no', 'yes']}
data: {path: rows/data.csv}
features:
  size: {kind: numeric}
  colour: {kind: categorical}
gate: {rules: [{metric: log_loss, better_than: prior}]}
kubeflow: {image: 'registry/tandem:1'}
"""
FULL = (
    "push.kserve={mode: serverless, canary_percent: 10, storage: volume, cpu: 2, memory: 2Gi}",
    "push.mirror='gs://bucket/serving'",
    "kubeflow.pipeline_root='gs://bucket/tandem'",
    "kubeflow.image_pull_secrets=[registry]",
    "kubeflow.volumes=[{claim: rows, path: /rows}]",
    "kubeflow.secrets=[{name: bucket, env: {ACCESS_KEY: key}}, {name: files, path: /secrets/files}]",
    "kubeflow.webhook={secret: hook}",
    "kubeflow.defaults={cpu: 1, memory: 2Gi, env: {OMP_NUM_THREADS: 2}, labels: {team: ml}, retries: 2}",
    "kubeflow.steps.train={cpu: 8, memory: 32Gi, memory_limit: 40Gi,"
    " accelerator: {type: google.com/tpu, count: 4},"
    " node_selector: {cloud.google.com/gke-tpu-topology: 2x2}, timeout_seconds: 7200, shared_memory: 8Gi,"
    " tolerations: [{key: google.com/tpu, effect: NoSchedule}]}",
)  # fmt: skip


def documents(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


@pytest.fixture(scope="module")
def plain() -> str:
    return compile_config(parse(BASE), HERE)


@pytest.fixture(scope="module")
def full() -> str:
    return compile_config(parse(BASE, FULL), HERE)


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kfp_mutations", HERE / "check" / "mutations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("column", ["-Infinity", "+nan", "9" * 60, "-0x1F", "1e-6", "2024-01-01 10:00"])
def test_a_text_that_some_reader_takes_for_a_number_is_quoted(column: str) -> None:
    values = yaml.safe_load(BASE)
    values["label"]["column"] = column
    assert f'"{column}"' in compile_config(parse(json.dumps(values)), HERE)


@pytest.mark.parametrize("name", ["plain", "full"])
def test_the_file_is_the_golden_one(
    name: str, request: pytest.FixtureRequest, golden: Callable[[str, str], None]
) -> None:
    text = request.getfixturevalue(name)
    prints = re.compile(
        r"(?<=: )[\"']?[0-9a-f]{16}[\"']?$|(?<=\")[0-9a-f]{16}(?=\")|^( *- )[\"']?[0-9a-f]{16}[\"']?$", re.M
    )
    golden(f"kubeflow_{name}.yaml", prints.sub(lambda match: f"{match.group(1) or ''}<fingerprint>", text))


def test_the_same_config_compiles_to_the_same_bytes(plain: str) -> None:
    assert compile_config(parse(BASE), HERE) == plain


def test_the_flights_file_is_far_below_the_limit_of_a_megabyte(tmp_path: Path) -> None:
    target = tmp_path / "pipeline.yaml"
    done = CliRunner().invoke(
        app,
        ["compile", str(FLIGHTS), "-o", str(target), "--set", "kubeflow.image=registry/tandem:1"],
    )
    assert done.exit_code == 0, done.output
    assert target.stat().st_size < 500_000
    assert CliRunner().invoke(app, ["compile", "--check", str(target)]).exit_code == 0
    spec, _ = documents(target.read_text())
    source = spec["components"]["tfx-dag"]["dag"]["tasks"]["begin"]["inputs"]["parameters"]["prepare_source"]
    text = decode(source["runtimeValue"]["constant"])
    assert text == (FLIGHTS.parent / "prepare.py").read_text()


def test_only_steps_whose_parameters_say_it_all_are_cached(full: str) -> None:
    spec, _ = documents(full)
    tasks = spec["components"]["tfx-dag"]["dag"]["tasks"] | spec["root"]["dag"]["tasks"]
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert set(tasks) - cached - {"tfx-dag"} == NEVER_CACHED
    spec, _ = documents(compile_config(parse(BASE, ["kubeflow.cache=false"]), HERE))
    assert not any(
        task.get("cachingOptions") for task in spec["components"]["tfx-dag"]["dag"]["tasks"].values()
    )


def test_every_step_of_the_config_is_one_of_the_graph(full: str) -> None:
    spec, _ = documents(full)
    tasks = spec["components"]["tfx-dag"]["dag"]["tasks"] | spec["root"]["dag"]["tasks"]
    assert set(typing.get_args(Step)) == set(tasks) - {"tfx-dag"}


def test_secrets_are_names_only_and_old_and_new_backends_find_them(full: str) -> None:
    _, platform = documents(full)
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    (bucket,) = executors["train_executor"]["secretAsEnv"]
    assert bucket["secretName"] == bucket["secretNameParameter"]["runtimeValue"]["constant"] == "bucket"
    assert [entry["secretName"] for entry in executors["finish_executor"]["secretAsEnv"]] == [
        "bucket",
        "hook",
    ]
    for pod in executors.values():
        claims = {entry["constant"]: entry["mountPath"] for entry in pod["pvcMount"]}
        assert claims == {"tandem": "/tandem", "rows": "/rows"}


def test_settings_of_a_step_replace_defaults_and_join_mappings() -> None:
    more = [*FULL, "kubeflow.steps.train.env={TF_NUM_INTEROP_THREADS: 2}", "kubeflow.steps.train.retries=0"]
    spec, platform = documents(compile_config(parse(BASE, more), HERE))
    train = spec["deploymentSpec"]["executors"]["train_executor"]["container"]
    assert {"OMP_NUM_THREADS", "TF_NUM_INTEROP_THREADS"} <= {entry["name"] for entry in train["env"]}
    assert train["resources"]["resourceCpuRequest"] == "8"
    assert train["resources"]["resourceMemoryLimit"] == "40Gi"
    tasks = spec["components"]["tfx-dag"]["dag"]["tasks"]
    assert "retryPolicy" not in tasks["train"]
    assert tasks["score"]["retryPolicy"]["maxRetryCount"] == 2
    labels = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["train_executor"][
        "podMetadata"
    ]
    assert labels["labels"]["team"] == "ml"


def test_a_failed_step_is_tried_again_however_long_it_took_and_a_live_service_only_if_asked() -> None:
    spec, _ = documents(compile_config(parse(BASE, FULL), HERE))
    tasks = spec["components"]["tfx-dag"]["dag"]["tasks"]
    # The backend counts the maximum from the start of the first attempt.
    assert int(tasks["score"]["retryPolicy"]["backoffMaxDuration"].removesuffix("s")) > 300 * 24 * 3600
    assert "retryPolicy" not in tasks["serve"]
    spec, _ = documents(compile_config(parse(BASE, [*FULL, "kubeflow.steps.serve={retries: 1}"]), HERE))
    assert spec["components"]["tfx-dag"]["dag"]["tasks"]["serve"]["retryPolicy"]["maxRetryCount"] == 1


def test_a_pod_does_not_wait_for_the_secret_of_the_webhook(full: str) -> None:
    _, platform = documents(full)
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    found = {
        entry["secretName"]: entry.get("optional") for entry in executors["finish_executor"]["secretAsEnv"]
    }
    assert found == {"bucket": None, "hook": True}


def test_the_frozen_config_means_the_same_as_the_one_it_was_made_of() -> None:
    config = parse(BASE, FULL)
    again = parse(dump(config))
    assert again == config
    for step in ("train", "score"):
        assert settings_of(again, step) == settings_of(config, step)


@pytest.mark.parametrize("columns", [500, 2000])
def test_a_wide_table_stays_below_what_one_argument_may_hold(columns: int) -> None:
    features = ", ".join(f"column_{number}: {{kind: numeric}}" for number in range(columns))
    text = compile_config(parse(BASE, [f"features={{{features}}}"]), HERE)
    assert len(text) < 250_000


@pytest.mark.parametrize("path", ["/home/me/data.csv", "../data.csv", "s3://bucket/data.csv"])
def test_rows_that_no_step_can_reach_are_refused(path: str) -> None:
    with pytest.raises(TandemError, match=r"KFP-054.*/tandem"):
        compile_config(parse(BASE, [f"data.path='{path}'"]), HERE)
    compile_config(parse(BASE, [*FULL, "data.path=/rows/data.csv"]), HERE)


def test_without_an_image_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(BASE.replace("kubeflow: {image: 'registry/tandem:1'}", ""))
    with pytest.raises(TandemError, match=r"KFP-050.*make images"):
        CliRunner().invoke(
            app,
            ["compile", str(tmp_path / "config.yaml"), "-o", str(tmp_path / "x.yaml")],
            catch_exceptions=False,
        )
    assert not (tmp_path / "x.yaml").exists()


def test_a_directory_is_no_place_for_the_file(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="CLI-006"):
        CliRunner().invoke(app, ["compile", str(FLIGHTS), "-o", str(tmp_path)], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_a_config_and_a_file_to_check_are_not_given_together(tmp_path: Path) -> None:
    for arguments in ([], ["x.yaml", "--check", str(tmp_path / "y.yaml")]):
        with pytest.raises(TandemError, match="CLI-004"):
            CliRunner().invoke(app, ["compile", *arguments], catch_exceptions=False)


def test_text_that_argo_would_fill_in_reaches_the_step_as_it_is() -> None:
    spec, _ = documents(compile_config(parse(BASE, ["label.classes=['no', '{{workflow.name}}']"]), HERE))
    tasks = spec["components"]["tfx-dag"]["dag"]["tasks"]
    given = tasks["ingest"]["inputs"]["parameters"]["label"]["runtimeValue"]["constant"]
    assert "{{" not in given
    assert "{{workflow.name}}" in decode(given)


# Properties

_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
_LABELS = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
_AMOUNTS = st.sampled_from([1, "500m", "2", "1.5", "4Gi", "16Gi"])
_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "cpu": _AMOUNTS,
        "memory": _AMOUNTS,
        "accelerator": st.builds(
            lambda kind, count: {"type": kind, "count": count},
            st.sampled_from(["google.com/tpu", "nvidia.com/gpu"]),
            st.integers(1, 8),
        ),
        "node_selector": st.dictionaries(_LABELS, _LABELS, max_size=2),
        "tolerations": st.lists(st.fixed_dictionaries({"key": _LABELS}), max_size=2),
        "timeout_seconds": st.integers(1, 10**6),
        "retries": st.integers(0, 9),
        "shared_memory": st.sampled_from(["1Gi", "64Mi"]),
        "env": st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True), _WORDS, max_size=2),
        "labels": st.dictionaries(_LABELS, _LABELS, max_size=2),
        "annotations": st.dictionaries(_LABELS, _WORDS, max_size=2),
    },
)


@st.composite
def configs(draw: st.DrawFn) -> Config | None:
    """Configs of many forms; `None` where the checker of configs refuses one."""
    values = yaml.safe_load(BASE)
    values["name"] = draw(st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True))
    names = draw(st.lists(_WORDS, min_size=1, max_size=4, unique=True))
    values["features"] = {name: {"kind": draw(st.sampled_from(["numeric", "categorical"]))} for name in names}
    values["label"] = {"column": draw(_WORDS), "classes": draw(st.lists(_WORDS, min_size=2, max_size=2))}
    section = values["kubeflow"]
    section["defaults"] = draw(_SETTINGS)
    section["steps"] = draw(st.dictionaries(st.sampled_from(typing.get_args(Step)), _SETTINGS, max_size=3))
    section["volumes"] = [
        {"claim": claim, "path": f"/{claim}"} for claim in draw(st.lists(_LABELS, max_size=2, unique=True))
    ]
    section["secrets"] = draw(
        st.lists(st.fixed_dictionaries({"name": _LABELS, "env": st.dictionaries(
            st.from_regex(r"[A-Z]{1,4}", fullmatch=True), _LABELS, max_size=2)}), max_size=2)
    )  # fmt: skip
    section["cache"] = draw(st.booleans())
    if draw(st.booleans()):
        values["push"] = {"kserve": {"storage": draw(st.sampled_from(["artifact", "volume"]))}}
    try:
        return parse(yaml.safe_dump(values, allow_unicode=True))
    except TandemError:
        return None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_every_config_that_is_accepted_compiles_to_a_file_that_is(config: Config | None) -> None:
    assume(config is not None)
    assert config is not None
    # The compiler itself runs the checks; none may say anything.
    assert check(compile_config(config, HERE)) == []


@pytest.mark.parametrize("name", ["plain", "full"])
def test_damage_to_a_compiled_file_is_refused_with_its_place(
    name: str, request: pytest.FixtureRequest, mutations: ModuleType
) -> None:
    intact = documents(request.getfixturevalue(name))
    assert check_documents(intact) == []
    rng, tried = random.Random(7), 0
    for what, place, damaged in mutations.mutations(intact, random.Random(7)):
        if rng.random() > 0.02:
            continue
        found = check_documents(damaged)
        assert any(place.named_by(problem) for problem in found), (what, place, found[:3])
        tried += 1
    assert tried > 50
