"""Every overlay renders to its golden file, and every object in it is one that a cluster takes as it is."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.schemas import validate

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("local", "generic", "gke-tpu")
KUSTOMIZATIONS = tuple(f"overlays/{name}{part}" for name in OVERLAYS for part in ("", "/group"))
FREE = {
    "labels", "annotations", "matchLabels", "data", "nodeSelector", "limits", "requests", "nodeLabels",
}  # fmt: skip
SERVICE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "model"},
    "spec": {
        "predictor": {
            "canaryTrafficPercent": 10,
            "minReplicas": 1,
            "serviceAccountName": "reader",
            "model": {
                "modelFormat": {"name": "tensorflow", "version": "2"},
                "protocolVersion": "v1",
                "storageUri": "gs://bucket/serving/model/releases/3",
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
            },
        }
    },
}


@pytest.mark.parametrize("path", KUSTOMIZATIONS)
def test_an_overlay_renders_to_its_golden_file(
    path: str, render: Callable[[str], str], golden: Callable[[str, str], None]
) -> None:
    golden("kubernetes/" + path.removeprefix("overlays/").replace("/", "-") + ".yaml", render(path))


@pytest.mark.parametrize("path", KUSTOMIZATIONS)
def test_every_object_of_an_overlay_is_valid(path: str, documents: Callable[[str], Any]) -> None:
    found = {f"{d['kind']} {d['metadata']['name']}": validate(d) for d in documents(path)}
    assert found
    assert {name: errors for name, errors in found.items() if errors} == {}


def keys(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of every field whose name a schema knows, the names of free maps left out."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key)
            if key not in FREE and not (
                key == "selector" and path == ("spec",) and "matchLabels" not in value
            ):
                yield from keys(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node[:1]):
            yield from keys(value, (*path, index))


def misspelt(document: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The document with one letter too many in one name."""
    changed = copy.deepcopy(document)
    node: Any = changed
    for part in path[:-1]:
        node = node[part]
    node[f"{path[-1]}e"] = node.pop(path[-1])
    return changed


@pytest.mark.parametrize("path", ["overlays/gke-tpu", "overlays/gke-tpu/group"])
def test_a_misspelt_name_anywhere_is_found(path: str, documents: Callable[[str], Any]) -> None:
    """One document of each kind, every field of it."""
    kinds = {document["kind"]: document for document in documents(path)}
    missed, looked = [], 0
    for kind, document in kinds.items():
        for key in keys(document):
            looked += 1
            if not validate(misspelt(document, key)):
                missed.append(f"{kind}: {'.'.join(map(str, key))}")
    assert looked > 40
    assert missed == []


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("JobSet", "spec.failurePolicy"),
        ("JobSet", "spec.replicatedJobs.0.template.spec.template.spec.containers.0.image"),
    ],
)
def test_the_place_of_a_misspelt_name_is_told(kind: str, key: str, documents: Callable[[str], Any]) -> None:
    document = next(d for d in documents("overlays/generic/group") if d["kind"] == kind)
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    errors = validate(misspelt(document, path))
    parent = key.rpartition(".")[0]
    assert any(error.startswith(parent) and f"{path[-1]}e" in error for error in errors), errors


def test_an_inference_service_is_checked_down_to_its_containers() -> None:
    assert validate(SERVICE) == []
    for key in keys(SERVICE):
        assert validate(misspelt(SERVICE, key)), key
    wrong: Any = copy.deepcopy(SERVICE)
    wrong["spec"]["predictor"]["canaryTrafficPercent"] = "ten"
    assert validate(wrong) == ["spec.predictor.canaryTrafficPercent: 'ten' is not of type 'integer'"]


def test_a_value_of_the_wrong_type_is_found(documents: Callable[[str], Any]) -> None:
    document = next(d for d in documents("overlays/generic") if d["kind"] == "Deployment")
    document = copy.deepcopy(document)
    document["spec"]["replicas"] = "two"
    assert any("spec.replicas" in error for error in validate(document))


def test_a_kind_that_no_schema_knows_is_an_error() -> None:
    errors = validate({"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": {}})
    assert errors
    assert "FlinkDeployment" in errors[0]


def test_the_overlay_of_the_readme_puts_in_its_own_images_and_config(kubectl: str, tmp_path: Path) -> None:
    """With the placeholders filled in."""
    text = (ROOT / "kubernetes" / "README.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    generic = os.path.relpath(ROOT / "kubernetes" / "overlays" / "generic", tmp_path.resolve())
    digest = f"sha256:{'0' * 64}"
    for name, value in {
        "../tandem/kubernetes/overlays/generic": generic,
        "REGISTRY/PATH": "registry.example/team",
        "DIGEST": digest,
        "MODEL_NAME=NAME": "MODEL_NAME=fares",
    }.items():
        example = example.replace(name, value)
    (tmp_path / "kustomization.yaml").write_text(example)
    (tmp_path / "config.yaml").write_text("name: fares\n")
    done = subprocess.run([kubectl, "kustomize", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = list(yaml.safe_load_all(done.stdout))
    assert [validate(document) for document in found if validate(document)] == []
    assert f"image: registry.example/team/tandem-pipeline@{digest}" in done.stdout
    data = {d["metadata"]["name"].rpartition("-")[0]: d["data"] for d in found if d["kind"] == "ConfigMap"}
    assert data["tandem-schedule"] == {"config.yaml": "name: fares\n"}
    assert data["tandem-serving"] == {"MODEL_NAME": "fares"}
